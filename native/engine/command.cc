#include "engine/command.h"

#include <bit>
#include <string>

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

bool matches(char letter, DType dtype, DType own) {
  switch (letter) {
    case 'T':
      return dtype == own;
    case 'f':
      return dtype == DType::f32;
    case 'd':
      return dtype == DType::f64;
    case 'i':
      return dtype == DType::i32;
    case 'l':
      return dtype == DType::i64;
    case 'u':
      return dtype == DType::u8;
    case 's':
      return dtype == DType::i8;
    case 'b':
      return dtype == DType::boolean;
    case 'I':
      return dtype == DType::i32 || dtype == DType::i64;
    case '*':
      return true;
    default:
      return false;
  }
}

/// The letter for operand i; a signature that ends in '~' repeats its last letter for any number of operands (cat, optimizers).
char letter_for(const std::string& letters, int64_t i) {
  const auto size = static_cast<int64_t>(letters.size());
  if (size > 0 && letters.back() == '~') return i < size - 1 ? letters[static_cast<size_t>(i)] : letters[static_cast<size_t>(size - 2)];
  return i < size ? letters[static_cast<size_t>(i)] : '\0';
}

bool count_fits(const std::string& letters, int64_t count) {
  if (!letters.empty() && letters.back() == '~') return count >= static_cast<int64_t>(letters.size()) - 2;
  return count == static_cast<int64_t>(letters.size());
}

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

/// Proves that every element of the view lies inside the block.
void check_bounds(const TensorView& view, int64_t offset, const Block& block) {
  int64_t low = offset, high = offset;
  for (int d = 0; d < view.rank; ++d) {
    int64_t span = 0;
    if (__builtin_mul_overflow(view.shape[d] - 1, view.strides[d], &span) ||
        __builtin_add_overflow(span < 0 ? low : high, span, span < 0 ? &low : &high)) {
      fail("malformed command: strides overflow");
    }
  }
  const int64_t elements = elements_in(block, view.dtype);
  if (low < 0 || high >= elements) {
    fail("malformed command: elements %lld..%lld of a block of %lld", static_cast<long long>(low), static_cast<long long>(high),
         static_cast<long long>(elements));
  }
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

/// Reads one operand and returns the words it took.
int64_t decode_operand(const double* words, int64_t available, const BlockTable& blocks, TensorView& view, Block*& block, bool* fresh) {
  if (available < 4) fail("malformed command: it ends inside an operand");
  block = blocks.find(integer(words[0], 0, kMaxExact, "block"));
  if (block == nullptr) fail("malformed command: no block %g", words[0]);
  const int64_t offset = integer(words[1], 0, kMaxExact, "offset");
  const int64_t dtype = integer(words[2], 0, kFresh + kDTypeCount - 1, "dtype");
  if (dtype % kFresh >= kDTypeCount) fail("malformed command: dtype is %g", words[2]);
  if (fresh != nullptr) *fresh = dtype >= kFresh;
  view.dtype = static_cast<DType>(dtype % kFresh);
  view.rank = static_cast<int32_t>(integer(words[3], 0, kMaxRank, "rank"));
  if (available < 4 + 2 * view.rank) fail("malformed command: it ends inside an operand");
  for (int d = 0; d < view.rank; ++d) {
    view.shape[d] = integer(words[4 + d], 0, kMaxExact, "dimension");
    view.strides[d] = integer(words[4 + view.rank + d], -kMaxExact, kMaxExact, "stride");
  }
  const int64_t size = kDTypeSize[static_cast<int>(view.dtype)];
  const int64_t count = element_count(view);
  if (count > 0) check_bounds(view, offset, *block);
  settle_unused_strides(view, count == 0);
  // Each element of a result has a place of its own.
  if (fresh != nullptr && count > elements_in(*block, view.dtype)) fail("malformed command: a result overlaps itself");
  view.data = block->bytes_at(count > 0 ? offset * size : 0);
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
  if (!count_fits(kernel.inputs, ins) || !count_fits(kernel.outputs, outs) || params != kernel.param_count) {
    fail("malformed command: %s takes %s -> %s and %d parameters", kernel.name, kernel.inputs.c_str(), kernel.outputs.c_str(),
         kernel.param_count);
  }
  int64_t at = kHeaderWords + params;
  for (int64_t i = 0; i < ins + outs; ++i) {
    const bool output = i >= ins;
    const int64_t k = output ? i - ins : i;
    TensorView& view = output ? command.out[k] : command.in[k];
    Block*& block = output ? command.out_block[k] : command.in_block[k];
    at += decode_operand(words + at, available - at, blocks, view, block, output ? &command.out_fresh[k] : nullptr);
    if (!matches(letter_for(output ? kernel.outputs : kernel.inputs, k), view.dtype, kernel.dtype)) {
      fail("malformed command: %s does not take %s for operand %lld", kernel.name, kDTypeName[static_cast<int>(view.dtype)],
           static_cast<long long>(i));
    }
  }
  command.args = {
      command.in, command.out, words + kHeaderWords, static_cast<int32_t>(ins), static_cast<int32_t>(outs), static_cast<int32_t>(params)};
}

}  // namespace chainrule
