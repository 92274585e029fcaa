import java.io.BufferedOutputStream;
import java.io.PrintStream;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.zip.CRC32;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.PartitionInfo;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/**
 * Reads topics to their end with the consumer of Apache Kafka itself, read_committed, one line a record:
 * topic, partition, offset, timestamp, key, value, headers, separated by tabs. Bytes are base64, null is "-", a large value is
 * "#length:crc32", unless the system property "whole" names its topic (several with commas). Of the headers only those of weir, as name=base64 separated by commas.
 *
 * Arguments: bootstrap servers, milliseconds to wait for open transactions to end, topics. Exit code 3: a transaction is still open.
 */
public class ReadTopics {
  private static final int LARGE = 8192;
  private static final List<String> WHOLE = Arrays.asList(System.getProperty("whole", "").split(","));

  public static void main(String[] args) throws Exception {
    String servers = args[0];
    long deadline = System.currentTimeMillis() + Long.parseLong(args[1]);
    PrintStream out = new PrintStream(new BufferedOutputStream(System.out, 1 << 20), false, "ISO-8859-1");
    try (KafkaConsumer<byte[], byte[]> committed = consumer(servers, "read_committed");
        KafkaConsumer<byte[], byte[]> all = consumer(servers, "read_uncommitted")) {
      List<TopicPartition> partitions = new ArrayList<>();
      for (int i = 2; i < args.length; i++) {
        for (PartitionInfo info : committed.partitionsFor(args[i])) partitions.add(new TopicPartition(args[i], info.partition()));
      }
      Map<TopicPartition, Long> ends = committed.endOffsets(partitions);
      while (!ends.equals(all.endOffsets(partitions))) {
        if (System.currentTimeMillis() > deadline) {
          System.err.println("A transaction is still open: stable " + ends + ", end " + all.endOffsets(partitions));
          System.exit(3);
        }
        Thread.sleep(100);
        ends = committed.endOffsets(partitions);
      }
      committed.assign(partitions);
      committed.seekToBeginning(partitions);
      while (!hasReached(committed, ends)) {
        for (ConsumerRecord<byte[], byte[]> record : committed.poll(Duration.ofMillis(200))) print(record, out);
      }
    }
    out.flush();
  }

  private static boolean hasReached(KafkaConsumer<byte[], byte[]> consumer, Map<TopicPartition, Long> ends) {
    for (Map.Entry<TopicPartition, Long> end : ends.entrySet()) {
      if (consumer.position(end.getKey()) < end.getValue()) return false;
    }
    return true;
  }

  private static KafkaConsumer<byte[], byte[]> consumer(String servers, String isolation) {
    Properties properties = new Properties();
    properties.put("bootstrap.servers", servers);
    properties.put("isolation.level", isolation);
    properties.put("enable.auto.commit", "false");
    properties.put("auto.offset.reset", "earliest");
    properties.put("max.poll.records", "5000");
    return new KafkaConsumer<>(properties, new ByteArrayDeserializer(), new ByteArrayDeserializer());
  }

  private static void print(ConsumerRecord<byte[], byte[]> record, PrintStream out) {
    StringBuilder line = new StringBuilder(512);
    line.append(record.topic()).append('\t').append(record.partition()).append('\t').append(record.offset()).append('\t');
    line.append(record.timestamp()).append('\t').append(text(record.key(), LARGE)).append('\t');
    line.append(text(record.value(), WHOLE.contains(record.topic()) ? Integer.MAX_VALUE : LARGE)).append('\t');
    Map<String, String> headers = new HashMap<>();
    for (Header header : record.headers()) {
      if (header.key().startsWith("weir.error.")) headers.put(header.key(), text(header.value(), LARGE));
    }
    boolean isFirst = true;
    for (Map.Entry<String, String> header : headers.entrySet()) {
      if (!isFirst) line.append(',');
      isFirst = false;
      line.append(header.getKey()).append('=').append(header.getValue());
    }
    out.append(line.append('\n'));
  }

  private static String text(byte[] bytes, int large) {
    if (bytes == null) return "-";
    if (bytes.length <= large) return Base64.getEncoder().encodeToString(bytes);
    CRC32 crc = new CRC32();
    crc.update(bytes);
    return "#" + bytes.length + ":" + Long.toHexString(crc.getValue());
  }
}
