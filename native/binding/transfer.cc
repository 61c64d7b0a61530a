// Commands and data between JavaScript and the executor.
#include <algorithm>
#include <cstring>

#include "binding/arguments.h"
#include "binding/functions.h"
#include "engine/executor.h"

namespace chainrule {

namespace {

/// How long a call may block before it returns to JavaScript, which calls again: a worker's termination is noticed in between.
constexpr double kSliceMs = 50;

/// Hands an item over as number `seq`.
Napi::Value enqueue(const Napi::CallbackInfo& info, uint64_t seq, Item&& item) {
  Environment& environment = Environment::of(info.Env());
  environment.advance(seq);
  item.session = environment.session;
  item.seq = seq;
  Executor::instance().submit(std::move(item));
  return Napi::Boolean::New(info.Env(), true);
}

uint64_t seq_argument(const Napi::CallbackInfo& info, size_t i) { return static_cast<uint64_t>(whole_argument(info, i, "seq", 1)); }

bool queue_is_full() { return !Executor::instance().wait_for_room(kSliceMs); }

}  // namespace

void attach(const Napi::CallbackInfo& info) { Environment::of(info.Env()).attach(function_argument(info, 0, "onDone")); }

void keep_alive(const Napi::CallbackInfo& info) { Environment::of(info.Env()).keep_alive(boolean_argument(info, 0, "on")); }

/// allocate(bytes, count): id of the first of `count` new blocks, or -1 when there is no room.
Napi::Value allocate(const Napi::CallbackInfo& info) {
  const int64_t bytes = whole_argument(info, 0, "bytes", 1), count = whole_argument(info, 1, "count", 1, BlockTable::kMaxSlab);
  const int64_t id = Environment::of(info.Env()).session->blocks.allocate(static_cast<size_t>(bytes), static_cast<int>(count));
  return Napi::Number::New(info.Env(), static_cast<double>(id));
}

/// submit(words: Float64Array, count, seq): queues the first `count` words, which are copied, and returns how much waited before them, in
/// words. -1: the queue is full, call again.
Napi::Value submit(const Napi::CallbackInfo& info) {
  const auto words = doubles_argument(info, 0, "words");
  const auto count = static_cast<ptrdiff_t>(whole_argument(info, 1, "count", 0, static_cast<int64_t>(words.size())));
  const uint64_t seq = seq_argument(info, 2);
  if (queue_is_full()) return Napi::Number::New(info.Env(), -1);
  const size_t waiting = Executor::instance().queued();
  Item item;
  item.words = Executor::instance().take_words();
  item.words.assign(words.begin(), words.begin() + count);
  enqueue(info, seq, std::move(item));
  return Napi::Number::New(info.Env(), static_cast<double>(waiting));
}

/// write(block, byteOffset, data: TypedArray, seq): copies data now, writes it into the block in its turn. False: the queue is full, call
/// again.
Napi::Value write(const Napi::CallbackInfo& info) {
  Item item;
  item.kind = Item::Kind::write;
  item.block = whole_argument(info, 0, "block");
  item.byte_offset = whole_argument(info, 1, "byteOffset");
  const auto source = bytes_argument(info, 2, "data");
  const uint64_t seq = seq_argument(info, 3);
  if (queue_is_full()) return Napi::Boolean::New(info.Env(), false);
  item.bytes = source.size();
  item.staged = std::make_unique_for_overwrite<std::byte[]>(source.size());
  if (!source.empty()) std::memcpy(item.staged.get(), source.data(), source.size());
  return enqueue(info, seq, std::move(item));
}

/// read(block, byteOffset, destination: TypedArray, seq): fills destination in its turn. The caller keeps destination alive and unread
/// until the read is done. False: as write.
Napi::Value read(const Napi::CallbackInfo& info) {
  Item item;
  item.kind = Item::Kind::read;
  item.block = whole_argument(info, 0, "block");
  item.byte_offset = whole_argument(info, 1, "byteOffset");
  const auto destination = bytes_argument(info, 2, "destination");
  const uint64_t seq = seq_argument(info, 3);
  if (queue_is_full()) return Napi::Boolean::New(info.Env(), false);
  item.bytes = destination.size();
  item.destination = destination.data();
  return enqueue(info, seq, std::move(item));
}

/// wait(seq, timeoutMs): blocks until seq is executed; false on timeout.
Napi::Value wait(const Napi::CallbackInfo& info) {
  const Environment& environment = Environment::of(info.Env());
  const auto seq = static_cast<uint64_t>(whole_argument(info, 0, "seq", 0, static_cast<int64_t>(environment.last_seq())));
  const double timeout_ms = std::clamp(number_argument(info, 1, "timeoutMs"), 0.0, 1e6);
  return Napi::Boolean::New(info.Env(), environment.session->wait(seq, timeout_ms));
}

/// takeDone(): Float64Array of [seq, error, seq, error, ...] for the reads that ended since the last call. A seq of 0 tells of an update in
/// place that was left out because of the error.
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
  const CommandError error =
      Environment::of(info.Env()).session->error(static_cast<uint32_t>(whole_argument(info, 0, "id", 0, UINT32_MAX)));
  Napi::Object result = Napi::Object::New(info.Env());
  result.Set("seq", static_cast<double>(error.seq));
  result.Set("kernel", error.kernel);
  result.Set("message", error.message);
  return result;
}

}  // namespace chainrule
