#include "memory/scratch.h"

#include <algorithm>
#include <utility>

#include "core/error.h"
#include "memory/aligned.h"
#include "memory/budget.h"

namespace chainrule {

namespace {
constexpr size_t kAlwaysGranted = size_t{4} << 20;  // tensors may fill the budget; that must not stop a sum
constexpr size_t kLargest = size_t{1} << 48;        // anything above is a size that went wrong
}  // namespace

Scratch::Buffer::Buffer(size_t bytes) : bytes_(bytes) {
  if (bytes <= kAlwaysGranted) {
    Budget::instance().take(bytes);
  } else if (!Budget::instance().reserve(bytes)) {
    fail("no room for %zu bytes of scratch memory within the budget of %zu", bytes, Budget::instance().limit());
  }
  try {
    data_ = static_cast<std::byte*>(allocate_aligned(bytes, Lifetime::stays));
  } catch (...) {
    Budget::instance().release(bytes);
    throw;
  }
}

Scratch::Buffer::~Buffer() {
  if (data_ == nullptr) return;
  free_aligned(data_, bytes_);
  Budget::instance().release(bytes_);
}

void* Scratch::take(size_t bytes) {
  if (bytes > kLargest) fail("internal check failed: %zu bytes of scratch memory", bytes);
  const size_t rounded = (bytes + 63) / 64 * 64;
  if (main_.size() < last_wanted_ && wanted_ == 0) {
    main_ = {};
    main_ = Buffer(std::max(last_wanted_, rounded));
  }
  wanted_ += rounded;
  if (used_ + rounded <= main_.size()) {
    std::byte* p = main_.data() + used_;
    used_ += rounded;
    return p;
  }
  overflow_.emplace_back(rounded);
  return overflow_.back().data();
}

void Scratch::start_over() noexcept {
  last_wanted_ = std::max(last_wanted_, wanted_);
  overflow_.clear();
  used_ = 0;
  wanted_ = 0;
}

}  // namespace chainrule
