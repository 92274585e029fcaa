/**
 * Imported before ONNX Runtime, whose Linux library reads this when it is loaded: 1.30 reports usage to its makers
 * unless told not to. What a user scores is nobody's business but theirs.
 */
process.env['ORT_DISABLE_TELEMETRY'] ??= '1';
