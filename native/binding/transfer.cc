// Commands and data between JavaScript and the executor.
#include <cstring>

#include "binding/functions.h"
#include "engine/executor.h"

namespace chainrule {

namespace {

double number(const Napi::Value& value) { return value.As<Napi::Number>().DoubleValue(); }

struct Bytes {
  std::byte* data;
  size_t size;
};

Bytes bytes_of(const Napi::Value& value) {
  if (!value.IsTypedArray()) throw Napi::TypeError::New(value.Env(), "expected a typed array");
  const auto view = value.As<Napi::TypedArray>();
  return {static_cast<std::byte*>(view.ArrayBuffer().Data()) + view.ByteOffset(), view.ByteLength()};
}

}  // namespace

void attach(const Napi::CallbackInfo& info) { Environment::of(info.Env()).attach(info[0].As<Napi::Function>()); }

void keep_alive(const Napi::CallbackInfo& info) { Environment::of(info.Env()).keep_alive(info[0].As<Napi::Boolean>().Value()); }

/// allocate(bytes, count): id of the first of `count` new blocks, or -1 when there is no room.
Napi::Value allocate(const Napi::CallbackInfo& info) {
  const double bytes = number(info[0]), count = number(info[1]);
  const int64_t id = Environment::of(info.Env()).session->blocks.allocate(static_cast<size_t>(bytes), static_cast<int>(count));
  return Napi::Number::New(info.Env(), static_cast<double>(id));
}

/// submit(words: Float64Array, count, seq): queues the first `count` words; they are copied.
void submit(const Napi::CallbackInfo& info) {
  const auto words = info[0].As<Napi::Float64Array>();
  const size_t count = std::min(static_cast<size_t>(number(info[1])), words.ElementLength());
  Item item;
  item.kind = Item::Kind::commands;
  item.session = Environment::of(info.Env()).session;
  item.seq = static_cast<uint64_t>(number(info[2]));
  item.words.assign(words.Data(), words.Data() + count);
  Executor::instance().submit(std::move(item));
}

/// write(block, byteOffset, data: TypedArray, seq): copies data now, writes it into the block in its turn.
void write(const Napi::CallbackInfo& info) {
  const Bytes source = bytes_of(info[2]);
  Item item;
  item.kind = Item::Kind::write;
  item.session = Environment::of(info.Env()).session;
  item.block = static_cast<int64_t>(number(info[0]));
  item.byte_offset = static_cast<int64_t>(number(info[1]));
  item.bytes = source.size;
  item.staged = std::make_unique_for_overwrite<std::byte[]>(source.size);
  std::memcpy(item.staged.get(), source.data, source.size);
  item.seq = static_cast<uint64_t>(number(info[3]));
  Executor::instance().submit(std::move(item));
}

/// read(block, byteOffset, destination: TypedArray, seq): fills destination in its turn. The caller keeps destination alive and unread
/// until the read is done.
void read(const Napi::CallbackInfo& info) {
  const Bytes destination = bytes_of(info[2]);
  Item item;
  item.kind = Item::Kind::read;
  item.session = Environment::of(info.Env()).session;
  item.block = static_cast<int64_t>(number(info[0]));
  item.byte_offset = static_cast<int64_t>(number(info[1]));
  item.bytes = destination.size;
  item.destination = destination.data;
  item.seq = static_cast<uint64_t>(number(info[3]));
  Executor::instance().submit(std::move(item));
}

/// wait(seq, timeoutMs): blocks until seq is executed; false on timeout. A negative timeout means none.
Napi::Value wait(const Napi::CallbackInfo& info) {
  const bool reached = Environment::of(info.Env()).session->wait(static_cast<uint64_t>(number(info[0])), number(info[1]));
  return Napi::Boolean::New(info.Env(), reached);
}

/// takeDone(): Float64Array of [seq, error, seq, error, ...] for the reads that ended since the last call.
Napi::Value take_done(const Napi::CallbackInfo& info) {
  const auto done = Environment::of(info.Env()).session->take_done();
  auto result = Napi::Float64Array::New(info.Env(), done.size() * 2);
  for (size_t i = 0; i < done.size(); ++i) {
    result[i * 2] = static_cast<double>(done[i].seq);
    result[i * 2 + 1] = done[i].error;
  }
  return result;
}

Napi::Value error_of(const Napi::CallbackInfo& info) {
  const CommandError error = Environment::of(info.Env()).session->error(info[0].As<Napi::Number>().Uint32Value());
  Napi::Object result = Napi::Object::New(info.Env());
  result.Set("seq", static_cast<double>(error.seq));
  result.Set("kernel", error.kernel);
  result.Set("message", error.message);
  return result;
}

}  // namespace chainrule
