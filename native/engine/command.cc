#include "engine/command.h"

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
  return static_cast<int64_t>(block.bytes >> std::countr_zero(static_cast<unsigned>(kDTypeSize[static_cast<int>(dtype)])));
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

/// Proves that every element lies inside the block, the first at `offset` >= 0, and for a result that each can have a place of its own.
void check_bounds(const Extent& extent, int64_t offset, const Block& block, DType dtype, bool output) {
  const int64_t elements = elements_in(block, dtype);
  if (extent.low < -offset || extent.high >= elements - offset) {
    fail("malformed command: elements %g..%g of a block of %lld", static_cast<double>(offset) + static_cast<double>(extent.low),
         static_cast<double>(offset) + static_cast<double>(extent.high), static_cast<long long>(elements));
  }
  if (output && extent.count > elements) fail("malformed command: a result overlaps itself");
}

/// Gives the strides of row-major order to axes that nobody steps along: those of one element, and all axes of a view without elements. Any
/// number may stand there; with these kernels see what is contiguous, and a pointer that is moved along such an axis all the same stays
/// within the address space.
void settle_unused_strides(TensorView& view, bool empty) {
  int64_t next = 1;
  for (int d = view.rank - 1; d >= 0; --d) {
    if (empty || view.shape[d] == 1) view.strides[d] = next;
    if (__builtin_mul_overflow(view.strides[d], view.shape[d], &next) || next > kMaxExact) next = 0;
  }
}

/// An operand that was decoded. The next one has the same shape and strides as a rule: comparing their words is faster than to decode them.
struct Decoded {
  const double* words = nullptr;
  const TensorView* view = nullptr;
  Extent extent{};
};

/// Reads rank, shape and strides, the words from `form` on.
void decode_form(const double* form, int64_t available, TensorView& view, Decoded& last) {
  view.rank = static_cast<int32_t>(integer(form[0], 0, kMaxRank, "rank"));
  if (available < 1 + 2 * view.rank) fail("malformed command: it ends inside an operand");
  for (int d = 0; d < view.rank; ++d) {
    view.shape[d] = integer(form[1 + d], 0, kMaxExact, "dimension");
    view.strides[d] = integer(form[1 + view.rank + d], -kMaxExact, kMaxExact, "stride");
  }
  last.extent = extent_of(view);
  settle_unused_strides(view, last.extent.count == 0);
  last.words = form;
  last.view = &view;
}

bool same_form(const double* form, int64_t available, const Decoded& last) {
  if (last.words == nullptr) return false;
  const int64_t length = 1 + 2 * last.view->rank;
  if (available < length) return false;
  for (int64_t i = 0; i < length; ++i) {
    if (form[i] != last.words[i]) return false;
  }
  return true;
}

/// Reads one operand, `last` being the one before it, and returns the words it took.
int64_t decode_operand(const double* words, int64_t available, const BlockTable& blocks, TensorView& view, Block*& block, bool* fresh,
                       Decoded& last) {
  if (available < 4) fail("malformed command: it ends inside an operand");
  block = blocks.find(integer(words[0], 0, kMaxExact, "block"));
  if (block == nullptr) fail("malformed command: no block %g", words[0]);
  const int64_t offset = integer(words[1], 0, kMaxExact, "offset");
  const int64_t dtype = integer(words[2], 0, kFresh + kDTypeCount - 1, "dtype");
  if (dtype % kFresh >= kDTypeCount) fail("malformed command: dtype is %g", words[2]);
  if (fresh != nullptr) *fresh = dtype >= kFresh;
  if (same_form(words + 3, available - 3, last)) {
    view = *last.view;
  } else {
    decode_form(words + 3, available - 3, view, last);
  }
  view.dtype = static_cast<DType>(dtype % kFresh);
  const bool any = last.extent.count > 0;
  if (any) check_bounds(last.extent, offset, *block, view.dtype, fresh != nullptr);
  view.data = block->bytes_at(any ? offset * kDTypeSize[static_cast<int>(view.dtype)] : 0);
  return 4 + 2 * view.rank;
}

}  // namespace

void release_block(const double* words, BlockTable& blocks) {
  const int64_t id = integer(words[3], 0, kMaxExact, "block");
  if (!blocks.release(id)) fail("malformed command: no block %g to give back", words[3]);
}

void decode(const double* words, int64_t available, const BlockTable& blocks, Command& command) {
  const auto& all = kernels();
  command.kernel = nullptr;
  if (available < kHeaderWords) fail("malformed command: it ends inside its header");
  command.seq = static_cast<uint64_t>(integer(words[1], 0, kMaxExact, "seq"));
  command.kernel = &all[static_cast<size_t>(integer(words[0], 0, static_cast<int64_t>(all.size()) - 1, "kernel"))];
  const Kernel& kernel = *command.kernel;
  const int64_t ins = integer(words[3], 0, kMaxOperands, "ins"), outs = integer(words[4], 0, kMaxOperands, "outs");
  const int64_t params = integer(words[5], 0, available - kHeaderWords, "params");
  if (!kernel.inputs.fits(ins) || !kernel.outputs.fits(outs) || params != kernel.param_count) {
    fail("malformed command: %s takes %s -> %s and %d parameters", kernel.name, kernel.inputs.letters.c_str(),
         kernel.outputs.letters.c_str(), kernel.param_count);
  }
  int64_t at = kHeaderWords + params;
  Decoded last;
  for (int64_t i = 0; i < ins + outs; ++i) {
    const bool output = i >= ins;
    const int64_t k = output ? i - ins : i;
    TensorView& view = output ? command.out[k] : command.in[k];
    Block*& block = output ? command.out_block[k] : command.in_block[k];
    at += decode_operand(words + at, available - at, blocks, view, block, output ? &command.out_fresh[k] : nullptr, last);
    if (!(output ? kernel.outputs : kernel.inputs).takes(k, view.dtype)) {
      fail("malformed command: %s does not take %s for operand %lld", kernel.name, kDTypeName[static_cast<int>(view.dtype)],
           static_cast<long long>(i));
    }
  }
  command.args = {
      command.in, command.out, words + kHeaderWords, static_cast<int32_t>(ins), static_cast<int32_t>(outs), static_cast<int32_t>(params)};
}

}  // namespace chainrule
