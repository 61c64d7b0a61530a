// ONNX models of a few nodes, written as protocol buffers by hand: field numbers are those of onnx.proto3.

const varint = (value) => {
  const bytes = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  do {
    const low = Number(rest & 127n);
    rest >>= 7n;
    bytes.push(rest > 0n ? low | 128 : low);
  } while (rest > 0n);
  return bytes;
};
const whole = (field, value) => [...varint(field << 3), ...varint(value)];
const nested = (field, bytes) => [...varint((field << 3) | 2), ...varint(bytes.length), ...bytes];
const text = (field, value) => nested(field, [...Buffer.from(value)]);

const fixed32 = (field, value) => [...varint((field << 3) | 5), ...new Uint8Array(Float32Array.of(value).buffer)];

const elements = { f32: 1, i64: 7 }; // TensorProto.DataType
const [floatType, intType, intsType] = [1, 2, 7]; // AttributeProto.AttributeType

/** AttributeProto: a whole number, a list of them, or { float }. */
function attribute(name, value) {
  if (value.float !== undefined) return [...text(1, name), ...fixed32(2, value.float), ...whole(20, floatType)];
  const content = Array.isArray(value)
    ? [...value.flatMap((each) => whole(8, each)), ...whole(20, intsType)]
    : [...whole(3, value), ...whole(20, intType)];
  return [...text(1, name), ...content];
}

/** ValueInfoProto of a tensor; of any shape when none is given. */
function valueInfo(name, shape, dtype) {
  const dims =
    shape === null
      ? []
      : nested(
          2,
          shape.flatMap((extent) => nested(1, whole(1, extent))),
        );
  return [...text(1, name), ...nested(2, nested(1, [...whole(1, elements[dtype]), ...dims]))];
}

/** ModelProto of the nodes [{ type, inputs, output, attributes }], with the inputs x0, x1, ... of these shapes and dtypes and the output y. */
export function model(nodes, inputs, version) {
  const node = ({ type, inputs = [], output = 'y', attributes = {} }) => [
    ...inputs.flatMap((name) => text(1, name)),
    ...text(2, output),
    ...text(4, type),
    ...Object.entries(attributes).flatMap(([name, value]) => nested(5, attribute(name, value))),
  ];
  const graph = [
    ...nodes.flatMap((each) => nested(1, node(each))),
    ...text(2, 'bench'),
    ...inputs.flatMap(({ shape, dtype }, i) => nested(11, valueInfo(`x${i}`, shape, dtype))),
    ...nested(12, valueInfo('y', null, 'f32')),
  ];
  const opset = nested(8, whole(2, version));
  return Uint8Array.from([...whole(1, 8), ...nested(7, graph), ...opset]);
}
