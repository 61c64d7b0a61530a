#include "memory/copies.h"

#include <new>

#include "memory/aligned.h"
#include "memory/blocks.h"
#include "memory/budget.h"

namespace chainrule {

namespace {

constexpr int kMostOfBlock = 8;          // layouts of one block that are remembered
constexpr uint64_t kAbandoned = 20'000;  // uses of other copies after which one may make room: more than a pass of a large model has

bool same(const CopyKey& a, const CopyKey& b) {
  return a.data == b.data && a.rows == b.rows && a.cols == b.cols && a.row == b.row && a.col == b.col && a.order == b.order;
}

}  // namespace

const void* Copies::use(Block& block, const CopyKey& key, size_t bytes, uint32_t after, CopyFn fill, void* data) {
  ++clock_;
  Copy* copy = find(block, key);
  if (copy == nullptr) return nullptr;
  if (!copy->filled) {
    if (copy->uses < after) {
      ++copy->uses;
      return nullptr;
    }
    if (copy->memory == nullptr && !make_room(*copy, bytes)) return nullptr;
    fill(data, copy->memory);
    copy->filled = true;
  }
  copy->last_use = clock_;
  if (copy != newest_) {
    unlink(*copy);
    link(*copy);
  }
  return copy->memory;
}

/// The block's record of that copy, or a new one, or null if it has too many in use.
Copy* Copies::find(Block& block, const CopyKey& key) {
  int count = 0;
  Copy* idle = nullptr;
  for (Copy* copy = block.copies; copy != nullptr; copy = copy->next, ++count) {
    if (same(copy->key, key)) return copy;
    if (copy->memory == nullptr) idle = copy;  // the last of them is the oldest
  }
  if (count < kMostOfBlock) {
    auto* copy = new (std::nothrow) Copy{key};
    if (copy == nullptr) return nullptr;
    copy->next = block.copies;
    return block.copies = copy;
  }
  if (idle == nullptr) return nullptr;
  idle->key = key;
  idle->uses = 0;
  return idle;
}

bool Copies::make_room(Copy& copy, size_t bytes) {
  Budget& budget = Budget::instance();
  while (!budget.reserve_kept(bytes)) {
    if (oldest_ == nullptr || clock_ - oldest_->last_use < kAbandoned) return false;
    discard(*oldest_);
  }
  try {
    copy.memory = allocate_aligned(bytes, Lifetime::returned);
  } catch (const std::bad_alloc&) {
    budget.release_kept(bytes);
    return false;
  }
  copy.bytes = bytes;
  copy.last_use = clock_;
  link(copy);
  return true;
}

void Copies::discard(Copy& copy) {
  copy.filled = false;
  if (copy.memory == nullptr) return;
  unlink(copy);
  free_aligned(copy.memory, copy.bytes);
  Budget::instance().release_kept(copy.bytes);
  copy.memory = nullptr;
}

void Copies::written(Block& block, bool fresh) {
  for (Copy* copy = block.copies; copy != nullptr; copy = copy->next) {
    if (fresh || !copy->filled) discard(*copy);
    copy->filled = false;
    copy->uses = 0;
  }
}

void Copies::forget(Block& block) {
  while (block.copies != nullptr) {
    Copy* copy = block.copies;
    block.copies = copy->next;
    discard(*copy);
    delete copy;
  }
}

void Copies::clear() {
  while (oldest_ != nullptr) {
    oldest_->uses = 0;  // or the next call would take the room again that was just made
    discard(*oldest_);
  }
}

void Copies::link(Copy& copy) {
  copy.older = newest_;
  copy.newer = nullptr;
  (newest_ == nullptr ? oldest_ : newest_->newer) = &copy;
  newest_ = &copy;
}

void Copies::unlink(Copy& copy) {
  (copy.newer == nullptr ? newest_ : copy.newer->older) = copy.older;
  (copy.older == nullptr ? oldest_ : copy.older->newer) = copy.newer;
}

}  // namespace chainrule
