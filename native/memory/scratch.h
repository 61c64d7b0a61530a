#pragma once
#include <cstddef>
#include <utility>
#include <vector>

namespace chainrule {

/// A bump allocator that is reset after each kernel. It grows to the largest need seen and then allocates nothing. Counts in the budget.
class Scratch {
 public:
  /// 64-byte aligned, not zeroed, valid until reset(). Throws KernelError when much is wanted and the budget has no room.
  void* take(size_t bytes);
  /// Ends the round: everything taken is given back. Memory in one piece for as much is made by the next take().
  void reset() noexcept {
    if (wanted_ != 0) start_over();
  }
  [[nodiscard]] size_t capacity() const { return main_.size(); }

 private:
  void start_over() noexcept;

  class Buffer {
   public:
    Buffer() = default;
    explicit Buffer(size_t bytes);
    Buffer(Buffer&& other) noexcept : data_(std::exchange(other.data_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}
    Buffer& operator=(Buffer&& other) noexcept {
      std::swap(data_, other.data_);
      std::swap(bytes_, other.bytes_);
      return *this;
    }
    ~Buffer();
    [[nodiscard]] std::byte* data() const { return data_; }
    [[nodiscard]] size_t size() const { return bytes_; }

   private:
    std::byte* data_ = nullptr;
    size_t bytes_ = 0;
  };

  Buffer main_;
  size_t used_ = 0;
  size_t wanted_ = 0;             // what this round would have needed in one piece
  size_t last_wanted_ = 0;        // the most that a round needed
  std::vector<Buffer> overflow_;  // this round's takes that did not fit
};

}  // namespace chainrule
