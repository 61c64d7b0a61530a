#include "engine/command.h"

#include <array>
#include <bit>

#include "core/error.h"

namespace chainrule {

namespace {

/// A double that must hold an integer of the given range. No floor: on the oldest processors that is a call, and a command has thirty
/// words.
inline int64_t integer(double word, int64_t low, int64_t high, const char* what) {
  if (word >= static_cast<double>(low) && word <= static_cast<double>(high)) {
    const auto whole = static_cast<int64_t>(word);
    if (static_cast<double>(whole) == word) return whole;
  }
  fail("malformed command: %s is %g", what, word);
}

constexpr int64_t kMaxExact = int64_t{1} << 53;

/// Number of elements; kernels may multiply it by an element's size.
int64_t element_count(const TensorView& view) {
  int64_t count = 1;
  for (int d = 0; d < view.rank; ++d) {
    if (__builtin_mul_overflow(count, view.shape[d], &count) || count > kMaxExact) fail("malformed command: too many elements");
  }
  return count;
}

/// How many elements the block has room for. Sizes are powers of two; a division takes longer than the rest of an operand's proof.
int64_t elements_in(const Block& block, DType dtype) {
  static constexpr auto kShift = [] {
    std::array<uint8_t, kDTypeCount> shift{};
    for (size_t i = 0; i < kDTypeCount; ++i) shift[i] = static_cast<uint8_t>(std::countr_zero(static_cast<unsigned>(kDTypeSize[i])));
    return shift;
  }();
  return static_cast<int64_t>(block.bytes >> kShift[static_cast<size_t>(dtype)]);
}

/// The places of a view's elements, as distances from its first.
struct Extent {
  int64_t count, low, high;
};

Extent extent_of(const TensorView& view) {
  Extent extent{element_count(view), 0, 0};
  if (extent.count == 0) return extent;
  for (int d = 0; d < view.rank; ++d) {
    int64_t span = 0;
    int64_t& end = view.strides[d] < 0 ? extent.low : extent.high;
    if (__builtin_mul_overflow(view.shape[d] - 1, view.strides[d], &span) || __builtin_add_overflow(end, span, &end)) {
      fail("malformed command: strides overflow");
    }
  }
  return extent;
}

[[noreturn]] [[gnu::cold]] [[gnu::noinline]] void refuse_place(const Extent& extent, int64_t offset, int64_t elements) {
  fail("malformed command: elements %g..%g of a block of %lld", static_cast<double>(offset) + static_cast<double>(extent.low),
       static_cast<double>(offset) + static_cast<double>(extent.high), static_cast<long long>(elements));
}

/// Proves that every element lies inside the block, the first at `offset` >= 0, and for a result that each can have a place of its own.
inline void check_bounds(const Extent& extent, int64_t offset, int64_t elements, bool output) {
  if (extent.low < -offset || extent.high >= elements - offset) refuse_place(extent, offset, elements);
  if (output && extent.count > elements) fail("malformed command: a result overlaps itself");
}

/// Gives the strides of row-major order to all axes, or to those that nobody steps along: those of one element, and all axes of a view
/// without elements. Any number may stand there; with these kernels see what is contiguous, and a pointer that is moved along such an axis
/// all the same stays within the address space.
void settle_strides(TensorView& view, bool all) {
  int64_t next = 1;
  for (int d = view.rank - 1; d >= 0; --d) {
    if (all || view.shape[d] == 1) view.strides[d] = next;
    if (__builtin_mul_overflow(view.strides[d], view.shape[d], &next) || next > kMaxExact) next = 0;
  }
}

/// What an operand's form says (command.h). Flags stay bits of one word: as fields of their own they were compared as eight bytes that had
/// been stored as four and four, for which the processor waits; that was a seventh of decoding.
struct Form {
  uint64_t word;

  [[nodiscard]] int64_t block() const { return static_cast<int64_t>(word / kPerBlock); }
  [[nodiscard]] int32_t dtype() const { return static_cast<int32_t>(word % kPerAxis); }
  [[nodiscard]] int32_t rank() const { return static_cast<int32_t>(word / kPerAxis % kPerAxis); }
  [[nodiscard]] bool is(int flag) const { return (word & static_cast<uint64_t>(flag)) != 0; }
  /// What two operands of the same layout have in common.
  [[nodiscard]] uint64_t layout() const { return word & (kPerAxis * (kPerAxis - 1) | kRowMajor); }
  /// Of shape and strides.
  [[nodiscard]] int64_t words() const { return is(kRowMajor) ? rank() : 2 * rank(); }
};

inline Form form_of(double word) {
  const Form form{static_cast<uint64_t>(integer(word, 0, kMaxExact, "form"))};
  if (form.dtype() >= kDTypeCount) fail("malformed command: dtype is %d", form.dtype());
  if (form.rank() > kMaxRank) fail("malformed command: rank is %d", form.rank());
  return form;
}

/// An operand that was decoded. The next one has the same shape and strides as a rule: comparing their words is faster than to decode them.
struct Decoded {
  const double* sizes = nullptr;
  uint64_t layout = ~uint64_t{0};  // of no operand
  const TensorView* view = nullptr;
  Extent extent{};
};

/// Reads shape and strides, the words from `sizes` on.
[[gnu::noinline]] void decode_layout(const double* sizes, Form form, TensorView& view, Decoded& last) {
  const bool row_major = form.is(kRowMajor);
  view.rank = form.rank();
  for (int d = 0; d < view.rank; ++d) {
    view.shape[d] = integer(sizes[d], 0, kMaxExact, "dimension");
    if (!row_major) view.strides[d] = integer(sizes[view.rank + d], -kMaxExact, kMaxExact, "stride");
  }
  if (row_major) {
    const int64_t count = element_count(view);
    last.extent = {count, 0, count - 1};
  } else {
    last.extent = extent_of(view);
  }
  settle_strides(view, row_major || last.extent.count == 0);
  last.sizes = sizes;
  last.layout = form.layout();
  last.view = &view;
}

/// Gives `view` shape and strides of the operand before it, if the words say the same. Number by number: as wide as `view` could be copied,
/// they would be read before they are written.
inline bool repeat_layout(const double* sizes, Form form, TensorView& view, const Decoded& last) {
  if (form.layout() != last.layout) return false;
  const int rank = form.rank();
  for (int d = 0; d < rank; ++d) {
    if (sizes[d] != last.sizes[d]) return false;
    view.shape[d] = last.view->shape[d];
    view.strides[d] = last.view->strides[d];
  }
  for (int64_t i = rank; i < form.words(); ++i) {
    if (sizes[i] != last.sizes[i]) return false;
  }
  view.rank = rank;
  return true;
}

/// Reads one operand, `last` being the one before it, and returns where it ends. Here for every operand of every command: half of what a
/// small op costs the executor are these instructions, so what fails is elsewhere and nothing is looked at twice.
template <bool output>
[[gnu::always_inline]] inline const double* decode_operand(const double* words, const double* end, const BlockTable& blocks,
                                                           TensorView& view, Block*& found, bool* fresh, Decoded& last) {
  if (words >= end) fail("malformed command: it ends inside an operand");
  const Form form = form_of(words[0]);
  Block* const block = blocks.find(form.block());
  if (block == nullptr) fail("malformed command: no block %lld", static_cast<long long>(form.block()));
  found = block;
  if (output) *fresh = form.is(kFresh);
  const double* const sizes = words + (form.is(kAtStart) ? 1 : 2);
  const double* const next = sizes + form.words();
  if (next > end) fail("malformed command: it ends inside an operand");
  const int64_t offset = form.is(kAtStart) ? 0 : integer(words[1], 0, kMaxExact, "offset");
  if (!repeat_layout(sizes, form, view, last)) decode_layout(sizes, form, view, last);
  const auto dtype = static_cast<DType>(form.dtype());
  view.dtype = dtype;
  view.data = block->bytes_at(0);
  if (last.extent.count > 0) {
    check_bounds(last.extent, offset, elements_in(*block, dtype), output);
    view.data = block->bytes_at(offset * kDTypeSize[static_cast<int>(dtype)]);
  }
  return next;
}

[[noreturn]] [[gnu::cold]] [[gnu::noinline]] void refuse_dtype(const Kernel& kernel, DType dtype, int64_t operand) {
  fail("malformed command: %s does not take %s for operand %lld", kernel.name, kDTypeName[static_cast<int>(dtype)],
       static_cast<long long>(operand));
}

}  // namespace

void release_block(const double* words, int64_t available, BlockTable& blocks) {
  if (available < kHeaderWords + 1) fail("malformed command: it ends inside its header");
  const int64_t id = integer(words[3], 0, kMaxExact, "block");
  if (!blocks.release(id)) fail("malformed command: no block %g to give back", words[3]);
}

void decode(const double* words, int64_t available, const BlockTable& blocks, Command& command) {
  const auto& all = kernels();
  command.kernel = nullptr;
  if (available < kHeaderWords) fail("malformed command: it ends inside its header");
  command.seq = static_cast<uint64_t>(integer(words[1], 0, kMaxExact, "seq"));
  const auto call = static_cast<uint64_t>(integer(words[0], 0, static_cast<int64_t>(all.size()) * kPerKernel - 1, "call"));
  command.kernel = &all[call / kPerKernel];
  const Kernel& kernel = *command.kernel;
  const auto ins = static_cast<int64_t>(call % kPerOut), outs = static_cast<int64_t>(call % kPerKernel / kPerOut);
  const int64_t params = kernel.param_count;
  if (!kernel.inputs.fits(ins) || !kernel.outputs.fits(outs) || ins > kMaxOperands || outs > kMaxOperands ||
      params > available - kHeaderWords) {
    fail("malformed command: %s takes %s -> %s and %d parameters", kernel.name, kernel.inputs.letters.c_str(),
         kernel.outputs.letters.c_str(), kernel.param_count);
  }
  const double* at = words + kHeaderWords + params;
  const double* const end = words + available;
  Decoded last;
  uint32_t poison = 0;
  for (int64_t k = 0; k < ins; ++k) {
    TensorView& view = command.in[k];
    at = decode_operand<false>(at, end, blocks, view, command.in_block[k], nullptr, last);
    if (!kernel.inputs.takes(k, view.dtype)) refuse_dtype(kernel, view.dtype, k);
    poison |= command.in_block[k]->poison;
  }
  bool any = outs == 0;
  for (int64_t k = 0; k < outs; ++k) {
    TensorView& view = command.out[k];
    at = decode_operand<true>(at, end, blocks, view, command.out_block[k], &command.out_fresh[k], last);
    if (!kernel.outputs.takes(k, view.dtype)) refuse_dtype(kernel, view.dtype, ins + k);
    poison |= command.out_block[k]->poison;
    any = any || last.extent.count > 0;
  }
  command.poisoned = poison != 0;
  command.any = any;
  command.args = {
      command.in, command.out, words + kHeaderWords, static_cast<int32_t>(ins), static_cast<int32_t>(outs), static_cast<int32_t>(params)};
}

}  // namespace chainrule
