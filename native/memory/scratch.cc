#include "memory/scratch.h"

#include "memory/aligned.h"

namespace chainrule {

void Scratch::Free::operator()(std::byte* p) const { free_aligned(p); }

Scratch::Buffer Scratch::allocate(size_t bytes) { return Buffer(static_cast<std::byte*>(allocate_aligned(bytes))); }

void* Scratch::take(size_t bytes) {
  const size_t rounded = (bytes + 63) / 64 * 64;
  wanted_ += rounded;
  if (used_ + rounded <= capacity_) {
    std::byte* p = main_.get() + used_;
    used_ += rounded;
    return p;
  }
  overflow_.push_back(allocate(rounded));
  return overflow_.back().get();
}

void Scratch::reset() {
  if (!overflow_.empty()) {
    overflow_.clear();
    main_.reset();
    main_ = allocate(wanted_);
    capacity_ = wanted_;
  }
  used_ = 0;
  wanted_ = 0;
}

}  // namespace chainrule
