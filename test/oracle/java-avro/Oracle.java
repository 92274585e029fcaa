import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.HexFormat;
import java.util.IdentityHashMap;
import java.util.Map;
import org.apache.avro.AvroTypeException;
import org.apache.avro.Resolver;
import org.apache.avro.Schema;
import org.apache.avro.SchemaNormalization;
import org.apache.avro.generic.GenericDatumReader;
import org.apache.avro.generic.GenericFixed;
import org.apache.avro.generic.IndexedRecord;
import org.apache.avro.io.BinaryDecoder;
import org.apache.avro.io.DecoderFactory;

/**
 * Answers what Java Avro makes of data: one JSON object a line in, one a line out.
 *
 * in:  {"writer": schema, "reader": schema or absent, "data": [base64, …]}
 * out: {"fingerprint": hex of the writer, "canonical": text, "results": [result, …]}, or {"error": "SCHEMA", "message": …}
 * result: {"value": value, "left": bytes not read} or {"error": "DATA" | "MALFORMED", "message": …}
 * value: [type, text] for scalars, {"field": value} for records; arrays and maps are not told.
 *
 * Java reports everything at reading time. Here an error is SCHEMA when the action tree of Resolver lets no datum pass,
 * DATA when Java throws AvroTypeException for this datum only, and MALFORMED when the bytes are at fault.
 */
public final class Oracle {
  private static final ObjectMapper JSON = new ObjectMapper();

  public static void main(String[] args) throws Exception {
    PrintStream out = new PrintStream(System.out, false, StandardCharsets.UTF_8);
    BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    for (String line = in.readLine(); line != null; line = in.readLine()) {
      out.println(JSON.writeValueAsString(answer(JSON.readTree(line))));
      out.flush();
    }
  }

  private static ObjectNode answer(JsonNode request) {
    ObjectNode reply = JSON.createObjectNode();
    Schema writer;
    Schema reader;
    try {
      writer = new Schema.Parser().parse(request.get("writer").toString());
      reader = request.has("reader") ? new Schema.Parser().parse(request.get("reader").toString()) : writer;
      reply.put("canonical", SchemaNormalization.toParsingForm(writer));
      reply.put("fingerprint", HexFormat.of().formatHex(SchemaNormalization.parsingFingerprint("CRC-64-AVRO", writer)));
      if (neverPasses(Resolver.resolve(writer, reader), new IdentityHashMap<>())) {
        return reply.put("error", "SCHEMA").put("message", "no datum can pass");
      }
      org.apache.avro.io.ResolvingDecoder ignored =
          DecoderFactory.get().resolvingDecoder(Schema.applyAliases(writer, reader), reader, null);
    } catch (Throwable thrown) {
      return reply.put("error", "SCHEMA").put("message", String.valueOf(thrown));
    }
    ArrayNode results = reply.putArray("results");
    for (JsonNode data : request.get("data")) {
      results.add(read(writer, reader, Base64.getDecoder().decode(data.asText())));
    }
    return reply;
  }

  private static ObjectNode read(Schema writer, Schema reader, byte[] bytes) {
    ObjectNode result = JSON.createObjectNode();
    try {
      BinaryDecoder decoder = DecoderFactory.get().binaryDecoder(bytes, null);
      Object datum = new GenericDatumReader<Object>(writer, reader).read(null, decoder);
      JsonNode value = tell(reader, datum);
      return result.<ObjectNode>set("value", value).put("left", decoder.inputStream().available());
    } catch (AvroTypeException thrown) {
      return result.put("error", "DATA").put("message", String.valueOf(thrown));
    } catch (Throwable thrown) {
      return result.put("error", "MALFORMED").put("message", String.valueOf(thrown));
    }
  }

  private static boolean neverPasses(Resolver.Action action, Map<Resolver.Action, Boolean> seen) {
    if (action instanceof Resolver.ErrorAction) {
      return true;
    }
    if (seen.put(action, true) != null) {
      return false;
    }
    if (action instanceof Resolver.RecordAdjust record) {
      for (Resolver.Action field : record.fieldActions) {
        if (neverPasses(field, seen)) {
          return true;
        }
      }
    } else if (action instanceof Resolver.ReaderUnion union) {
      return neverPasses(union.actualAction, seen);
    } else if (action instanceof Resolver.WriterUnion union) {
      for (Resolver.Action branch : union.actions) {
        if (!neverPasses(branch, seen)) {
          return false;
        }
      }
      return true;
    } else if (action instanceof Resolver.EnumAdjust symbols) {
      for (int adjustment : symbols.adjustments) {
        if (adjustment >= 0) {
          return false;
        }
      }
      return true;
    }
    return false;
  }

  private static JsonNode tell(Schema schema, Object datum) {
    switch (schema.getType()) {
      case UNION:
        return tell(schema.getTypes().get(org.apache.avro.generic.GenericData.get().resolveUnion(schema, datum)), datum);
      case RECORD:
        ObjectNode record = JSON.createObjectNode();
        for (Schema.Field field : schema.getFields()) {
          record.set(field.name(), tell(field.schema(), ((IndexedRecord) datum).get(field.pos())));
        }
        return record;
      case ARRAY:
      case MAP:
        return scalar(schema, "");
      case BYTES:
        ByteBuffer buffer = ((ByteBuffer) datum).duplicate();
        byte[] bytes = new byte[buffer.remaining()];
        buffer.get(bytes);
        return scalar(schema, Base64.getEncoder().encodeToString(bytes));
      case FIXED:
        return scalar(schema, Base64.getEncoder().encodeToString(((GenericFixed) datum).bytes()));
      case FLOAT:
        return scalar(schema, Double.toString((Float) datum));
      default:
        return scalar(schema, String.valueOf(datum));
    }
  }

  private static JsonNode scalar(Schema schema, String text) {
    return JSON.createArrayNode().add(schema.getType().getName()).add(text);
  }
}
