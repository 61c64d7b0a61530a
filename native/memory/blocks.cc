#include "memory/blocks.h"

#include <new>

#include "memory/aligned.h"
#include "memory/budget.h"

namespace chainrule {

namespace {
constexpr size_t kSlabBytes = size_t{64} << 10;  // smaller blocks are never given back (slabBytes in runtime/blocks.ts)
}  // namespace

BlockTable::~BlockTable() {
  for (int64_t id = 0; id < next_.load(); ++id) discard(*slot(id));
  for (auto& chunk : chunks_) delete[] chunk.load();
}

int64_t BlockTable::allocate(size_t bytes, int count) {
  size_t total = 0;
  if (bytes == 0 || count < 1 || __builtin_mul_overflow(bytes, static_cast<size_t>(count), &total)) return -1;
  const std::lock_guard lock(mutex_);
  const int64_t next = next_.load();
  const bool recycle = count == 1 && !free_ids_.empty();
  if (!recycle && next + count > kChunk * kChunks) return -1;
  if (!Budget::instance().reserve(total)) return -1;
  std::byte* memory = nullptr;
  try {
    memory = static_cast<std::byte*>(allocate_aligned(total, bytes < kSlabBytes ? Lifetime::stays : Lifetime::returned));
    for (int64_t chunk = next / kChunk; chunk <= (next + count - 1) / kChunk; ++chunk) {
      auto& slots = chunks_[static_cast<size_t>(chunk)];
      if (slots.load() == nullptr) slots.store(new Block[kChunk], std::memory_order_release);
    }
  } catch (const std::bad_alloc&) {
    if (memory != nullptr) free_aligned(memory, total);
    Budget::instance().release(total);
    return -1;
  }
  int64_t first = next;
  if (recycle) {
    first = free_ids_.back();
    free_ids_.pop_back();
  }
  for (int i = 0; i < count; ++i) {
    Block& block = *slot(first + i);
    block.bytes = bytes;
    block.owner = i == 0 ? memory : nullptr;
    block.owner_bytes = i == 0 ? total : 0;
    block.poison = 0;
    block.data.store(memory + static_cast<size_t>(i) * bytes, std::memory_order_release);
  }
  if (!recycle) next_.store(next + count, std::memory_order_release);
  return first;
}

bool BlockTable::release(int64_t id) {
  Block* block = find(id);
  if (block == nullptr || block->owner_bytes != block->bytes) return false;
  const std::lock_guard lock(mutex_);
  free_ids_.push_back(id);
  discard(*block);
  return true;
}

void BlockTable::discard(Block& block) {
  copies.forget(block);
  block.data.store(nullptr, std::memory_order_relaxed);
  if (block.owner == nullptr) return;
  free_aligned(block.owner, block.owner_bytes);
  Budget::instance().release(block.owner_bytes);
  block.owner = nullptr;
}

}  // namespace chainrule
