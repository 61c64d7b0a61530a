#pragma once
#include <cstddef>
#include <cstdint>

#include "core/copy_key.h"

namespace chainrule {

struct Block;

/// What is known of one copy of a block's contents in another order.
struct Copy {
  CopyKey key;
  Copy* next = nullptr;  // of the same block
  Copy *newer = nullptr, *older = nullptr;
  uint32_t uses = 0;  // since the block was last written
  bool filled = false;
  void* memory = nullptr;
  size_t bytes = 0;
  uint64_t last_use = 0;
};

/// Copies of a session's blocks in other orders (weights as the tiles of a product read them), kept with the block that they are made of.
/// A copy is made when its block has been used `after` times since it was last written; a loop that writes its weights in each step never
/// pays for one. All is done by the executor's thread, in the order of commands, so that a copy can never be older than its block.
class Copies {
 public:
  Copies() = default;
  Copies(const Copies&) = delete;
  Copies& operator=(const Copies&) = delete;

  /// The copy, made by `fill` if it is due; null if it is not, or where there is no room: Budget::reserve_kept.
  const void* use(Block& block, const CopyKey& key, size_t bytes, uint32_t after, CopyFn fill, void* data);
  /// The block was written; `fresh` when its contents are another tensor's from now on. A copy that was in use keeps its memory until the
  /// next write, for a loop that writes now and then.
  void written(Block& block, bool fresh);
  /// The block goes.
  void forget(Block& block);
  /// Gives the memory of all copies back.
  void clear();
  [[nodiscard]] bool any() const { return newest_ != nullptr; }

 private:
  Copy* find(Block& block, const CopyKey& key);
  bool make_room(Copy& copy, size_t bytes);
  void discard(Copy& copy);
  void link(Copy& copy);
  void unlink(Copy& copy);

  Copy *newest_ = nullptr, *oldest_ = nullptr;  // those with memory, by last use
  uint64_t clock_ = 0;                          // counts uses
};

}  // namespace chainrule
