#pragma once
#include <cstddef>
#include <memory>
#include <vector>

namespace chainrule {

/// A bump allocator that is reset after each kernel. It grows to the largest need seen and then allocates nothing.
class Scratch {
 public:
  /// 64-byte aligned, not zeroed, valid until reset().
  void* take(size_t bytes);
  void reset();
  [[nodiscard]] size_t capacity() const { return capacity_; }

 private:
  struct Free {
    void operator()(std::byte* p) const;
  };
  using Buffer = std::unique_ptr<std::byte, Free>;
  static Buffer allocate(size_t bytes);

  Buffer main_;
  size_t capacity_ = 0;
  size_t used_ = 0;
  size_t wanted_ = 0;             // what this round would have needed in one piece
  std::vector<Buffer> overflow_;  // this round's takes that did not fit
};

}  // namespace chainrule
