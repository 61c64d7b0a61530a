#pragma once
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <vector>

#include "memory/copies.h"

namespace chainrule {

/// A piece of tensor memory. `poison` is the id of the error that its contents depend on, 0 for good data; only the executor touches it.
struct Block {
  std::atomic<std::byte*> data = nullptr;  // set last and cleared first: null means that there is no such block
  size_t bytes = 0;
  std::byte* owner = nullptr;  // what to free; null for all but the first block of a slab
  size_t owner_bytes = 0;
  uint32_t poison = 0;
  Copy* copies = nullptr;  // see Copies; only the executor touches them

  [[nodiscard]] std::byte* bytes_at(int64_t offset) const { return data.load(std::memory_order_relaxed) + offset; }
};

/// The blocks of one session, by id. JavaScript's thread adds, the executor looks up and frees; a block's address never changes, so
/// look-ups take no lock (the queue that carries the id orders them after the addition).
class BlockTable {
 public:
  BlockTable() = default;
  BlockTable(const BlockTable&) = delete;
  BlockTable& operator=(const BlockTable&) = delete;
  ~BlockTable();

  /// `count` blocks of `bytes` each with consecutive ids, cut from one piece of memory; count > 1 is for small blocks, which are never
  /// given back. Returns the first id, or -1 when the budget or the system has no room.
  int64_t allocate(size_t bytes, int count);
  /// Gives a block's memory back and its id free. False for an id that names no block, or a part of a slab.
  bool release(int64_t id);
  static constexpr int kMaxSlab = 4096;

  /// Copies of these blocks in other orders.
  Copies copies;

  /// The block, or null for an id that was never given out or is free. Here, for every operand of every command asks.
  [[nodiscard]] Block* find(int64_t id) const {
    if (id < 0 || id >= next_.load(std::memory_order_acquire)) return nullptr;
    Block* block = slot(id);
    return block->data.load(std::memory_order_acquire) == nullptr ? nullptr : block;
  }

 private:
  static constexpr int64_t kChunk = 4096;
  static constexpr int64_t kChunks = 8192;
  [[nodiscard]] Block* slot(int64_t id) const {
    return chunks_[static_cast<size_t>(id / kChunk)].load(std::memory_order_acquire) + id % kChunk;
  }
  void discard(Block& block);

  std::mutex mutex_;
  std::array<std::atomic<Block*>, kChunks> chunks_{};
  std::vector<int64_t> free_ids_;
  std::atomic<int64_t> next_{0};
};

}  // namespace chainrule
