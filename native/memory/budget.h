#pragma once
#include <atomic>
#include <cstddef>

namespace chainrule {

/// Bytes of tensor memory taken from the system by the whole process, and the limit that an allocation must not cross.
class Budget {
 public:
  static Budget& instance();
  /// Reserves `bytes`, or returns false and reserves nothing.
  bool reserve(size_t bytes);
  /// Reserves `bytes` whether or not there is room.
  void take(size_t bytes);
  void release(size_t bytes);
  /// Reserves `bytes` for copies that make later work faster and that nothing depends on: an eighth of the limit at most, and nothing when
  /// memory is scarce. Part of used().
  bool reserve_kept(size_t bytes);
  void release_kept(size_t bytes);
  /// Whether tensors should have the memory of such copies.
  [[nodiscard]] bool scarce() const { return used() > limit() / 4 * 3; }
  [[nodiscard]] size_t kept() const { return kept_.load(std::memory_order_relaxed); }
  [[nodiscard]] size_t used() const { return used_.load(std::memory_order_relaxed); }
  [[nodiscard]] size_t peak() const { return peak_.load(std::memory_order_relaxed); }
  [[nodiscard]] size_t limit() const { return limit_.load(std::memory_order_relaxed); }
  void set_limit(size_t bytes) { limit_.store(bytes, std::memory_order_relaxed); }

 private:
  Budget();
  void note_peak(size_t used);
  std::atomic<size_t> used_{0};
  std::atomic<size_t> peak_{0};
  std::atomic<size_t> kept_{0};
  std::atomic<size_t> limit_;
};

}  // namespace chainrule
