#include "kernels/linalg/gemm/micro.h"

namespace chainrule::CR_ISA {

inline constexpr int64_t kAskK = 4 * kTileRows;  // in less time than this nothing arrives

/// Asks for some of the lines of memory that is read soon, a portion at a time.
struct Portions {
  Ahead ahead;
  int64_t line = 0, portion = 0;

  void begin(const Ahead& what, int64_t portions) {
    ahead = what;
    portion = (what.rows * what.lines + portions - 1) / portions;
  }
  void ask() {
    for (int64_t n = 0; n < portion && ahead.rows > 0; ++n) {
      __builtin_prefetch(static_cast<const char*>(ahead.at) + line * 64, 0, 2);
      if (++line < ahead.lines) continue;
      line = 0;
      ahead.at = static_cast<const char*>(ahead.at) + ahead.stride;
      --ahead.rows;
    }
  }
};

/// What the tiles of a run ask for: C, which they read and write at the end, and what comes next.
template <class T, int Vecs>
struct Asking {
  const T* c = nullptr;
  int64_t c_row = 0;
  Portions left, right;

  void begin(const TileArgs<T>& run, int64_t portions) {
    c_row = run.c_row;
    left.begin(run.ahead, portions * run.count);
    right.begin(run.also, portions * run.count);
  }
  void operator()(int rows) {
    for (int i = 0; i < rows; ++i, c += c_row) {
      CR_UNROLL for (int v = 0; v < Vecs; ++v) __builtin_prefetch(c + v * kLanes<T>);
    }
    left.ask();
    right.ask();
  }
};

/// Strides of A and B.
struct Steps {
  int64_t a_row, a_k, b_k;
};

/// Adds `ks` products to rows First.. of the sums: row i of A is addressed as group[i / kGroupRows] + (i % kGroupRows) a_row, for plain
/// indexing would need a pointer for each row.
template <int First, int Rows, class T, int All, int Vecs, int Groups>
CR_INLINE void add_products(int64_t ks, const Steps& step, const T* (&group)[Groups], const T*& b, Vec<T> (&sum)[All][Vecs]) {
  for (int64_t k = ks; k > 0; --k) {
    Vec<T> row[Vecs];
    CR_UNROLL for (int v = 0; v < Vecs; ++v) row[v] = load(b + v * kLanes<T>);
    CR_UNROLL for (int i = First; i < First + Rows; ++i) {
      const Vec<T> x = splat<Vec<T>>(group[i / kGroupRows][i % kGroupRows * step.a_row]);
      CR_UNROLL for (int v = 0; v < Vecs; ++v) sum[i][v] = fma(x, row[v], sum[i][v]);
    }
    CR_UNROLL for (int g = First / kGroupRows; g < (First + Rows + kGroupRows - 1) / kGroupRows; ++g) {
      group[g] += step.a_k;
      asm("" : "+r"(group[g]));  // the pointer itself moves: no copy of it, no product to find out where it ended
    }
    b += step.b_k;
    asm("" : "+r"(b));
  }
}

#if defined(__AVX2__) && !defined(__AVX512F__)
/// What lies n <= 3 strides behind p: an address within an instruction.
template <class T>
CR_INLINE const T* behind(const T* p, int n, int64_t bytes, int64_t three) {
  return reinterpret_cast<const T*>(reinterpret_cast<const char*>(p) + (n == 3 ? three : n * bytes));
}

/// Adds as many of `ks` products as are whole turns of kTerms; returns the rest. Along says whether neighbours in A are terms of k, or
/// rows: either way the terms of a turn are read from pointers that move once, for the instructions beside the products are what counts. A
/// core takes six in a cycle, but three while its other thread is busy; a turn of a full tile has 81 in 24 cycles, and would have 92 term
/// by term.
template <bool Along, class T, int Rows, int Vecs, int Groups>
CR_INLINE int64_t add_turns(int64_t ks, const Steps& step, const T* (&group)[Groups], const T*& b, Vec<T> (&sum)[Rows][Vecs]) {
  constexpr auto size = static_cast<int64_t>(sizeof(T));
  int64_t a_step = (Along ? step.a_row : step.a_k) * size, a_three = 3 * a_step, b_step = step.b_k * size, b_three = 3 * b_step;
  for (; ks >= kTerms; ks -= kTerms) {
    CR_UNROLL for (int n = 0; n < kTerms; ++n) {
      // One term at a time, and no sums of strides kept: registers are scarce.
      asm volatile("" : "+r"(a_step), "+r"(a_three), "+r"(b_step), "+r"(b_three) : : "memory");
      Vec<T> row[Vecs];
      CR_UNROLL for (int v = 0; v < Vecs; ++v) row[v] = load(behind(b, n, b_step, b_three) + v * kLanes<T>);
      CR_UNROLL for (int i = 0; i < Rows; ++i) {
        const int r = i % kGroupRows;
        const T* a = group[i / kGroupRows];
        const auto x = splat<Vec<T>>(Along ? behind(a, r, a_step, a_three)[n] : behind(a, n, a_step, a_three)[r]);
        CR_UNROLL for (int v = 0; v < Vecs; ++v) add_product(sum[i][v], x, row[v]);
      }
    }
    CR_UNROLL for (int g = 0; g < Groups; ++g) {
      group[g] = Along ? group[g] + kTerms : behind(group[g], 1, kTerms * a_step, 0);
      asm("" : "+r"(group[g]));
    }
    b = behind(b, 1, kTerms * b_step, 0);
    asm("" : "+r"(b));
  }
  return ks;
}
#endif

/// Adds `ks` products to all sums.
template <class T, int Rows, int Vecs, int Groups>
CR_INLINE void add_all(int64_t ks, const Steps& step, const T* (&group)[Groups], const T*& b, Vec<T> (&sum)[Rows][Vecs]) {
#if defined(__AVX2__) && !defined(__AVX512F__)
  if (step.a_k == 1) {
    ks = add_turns<true>(ks, step, group, b, sum);
  } else if (step.a_row == 1) {
    ks = add_turns<false>(ks, step, group, b, sum);
  }
#endif
  add_products<0, Rows>(ks, step, group, b, sum);
}

/// The last `ks` products, group by group of rows, each stored while the next one multiplies.
template <int First, class T, int All, int Vecs, int Groups>
CR_INLINE void finish_groups(int64_t ks, const Steps& step, const T* (&group)[Groups], const T* b, T* c, int64_t c_row, bool accumulate,
                             Vec<T> (&sum)[All][Vecs]) {
  constexpr int rows = All - First < kGroupRows ? All - First : kGroupRows;
  const T* at = b;
  add_products<First, rows>(ks, step, group, at, sum);
  if (accumulate) {
    CR_UNROLL for (int i = First; i < First + rows; ++i) {
      CR_UNROLL for (int v = 0; v < Vecs; ++v) sum[i][v] = load(c + (i - First) * c_row + v * kLanes<T>) + sum[i][v];
    }
  }
  CR_UNROLL for (int i = First; i < First + rows; ++i, c += c_row) {
    CR_UNROLL for (int v = 0; v < Vecs; ++v) store(c + v * kLanes<T>, sum[i][v]);
  }
  if constexpr (First + rows < All) finish_groups<First + rows>(ks, step, group, b, c, c_row, accumulate, sum);
}

/// Everything about the run stays in memory: what the compiler kept in vector registers instead would come back behind the products.
template <class T, int Rows, int Vecs, bool Asks>
CR_INLINE void multiply_run(TileArgs<T>& run) {
  constexpr int groups = (Rows + kGroupRows - 1) / kGroupRows, lines = (Rows + groups - 1) / groups;
  Asking<T, Vecs> asking;
  if constexpr (Asks) asking.begin(run, groups);
  for (int64_t n = run.count; n > 0; --n) {
    const Steps step{run.a_row, run.a_k, run.b_k};
    const int64_t last = kLastTerms == 0 ? 0 : run.k < kLastTerms ? run.k : kLastTerms, ks = run.k - last;
    const T *b = run.b, *group[groups];
    CR_UNROLL for (int g = 0; g < groups; ++g) group[g] = run.a + kGroupRows * g * step.a_row;
    Vec<T> sum[Rows][Vecs];  // stays in registers only if every loop over it is unrolled before the compiler looks at the array
    CR_UNROLL for (int i = 0; i < Rows; ++i) { CR_UNROLL for (int v = 0; v < Vecs; ++v) sum[i][v] = Vec<T>{}; }
    if constexpr (Asks) {
      asking.c = run.c;
      const int64_t portion = (ks + groups - 1) / groups;
      for (int64_t left = ks; left > 0; left -= portion) {
        asking(lines);
        add_all(left < portion ? left : portion, step, group, b, sum);
      }
    } else {
      add_all(ks, step, group, b, sum);
    }
    T* c = run.c;
    run.a += run.a_next;
    run.b += run.b_next;
    run.c += run.c_next;
    finish_groups<0>(last, step, group, b, c, run.c_row, run.accumulate, sum);
  }
}

template <class T, int Rows, int Vecs>
[[gnu::noinline]] void multiply_asking(TileArgs<T>& run) {
  multiply_run<T, Rows, Vecs, true>(run);
}
template <class T, int Rows, int Vecs>
void multiply(TileArgs<T>& run) {
  if (run.far && run.k >= kAskK) return multiply_asking<T, Rows, Vecs>(run);
  multiply_run<T, Rows, Vecs, false>(run);
}

template <class T>
using TileFn = void (*)(TileArgs<T>&);

template <class T>
struct TileTable {
  TileFn<T> fn[kMostTileRows][kTileVecs];
};

template <class T, int Row, int Vecs>
constexpr void fill_row(TileTable<T>& table) {
  if constexpr (Row <= tile_rows(Vecs)) table.fn[Row - 1][Vecs - 1] = &multiply<T, Row, Vecs>;
  if constexpr (Vecs < kTileVecs) fill_row<T, Row, Vecs + 1>(table);
  if constexpr (Vecs == 1 && Row < kMostTileRows) fill_row<T, Row + 1, 1>(table);
}
template <class T>
constexpr TileTable<T> tile_table() {
  TileTable<T> table{};
  fill_row<T, 1, 1>(table);
  return table;
}
template <class T>
inline constexpr TileTable<T> kTileTable = tile_table<T>();

void multiply_tile(int64_t rows, int64_t vecs, TileArgs<float>& tile) { kTileTable<float>.fn[rows - 1][vecs - 1](tile); }
void multiply_tile(int64_t rows, int64_t vecs, TileArgs<double>& tile) { kTileTable<double>.fn[rows - 1][vecs - 1](tile); }

}  // namespace chainrule::CR_ISA
