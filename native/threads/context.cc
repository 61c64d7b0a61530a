#include "threads/context.h"

#include "threads/context_state.h"

namespace chainrule {

void run_units(Context& ctx, int64_t units, UnitFn body, void* data) { ctx.pool.run(units, body, data); }

int worker_count(const Context& ctx) { return ctx.pool.size(); }

void* scratch_bytes(Context& ctx, size_t bytes) { return ctx.pool.shared_scratch().take(bytes); }

void* worker_scratch_bytes(Context& ctx, int worker, size_t bytes) {
  Scratch& own = ctx.pool.scratch(worker);
  own.reset();
  return own.take(bytes);
}

const void* kept_copy(Context& ctx, int32_t input, const CopyKey& key, size_t bytes, uint32_t after, CopyFn fill, void* data) {
  const Operands& all = ctx.operands;
  if (input < 0 || input >= all.args.ins) return nullptr;
  Block* block = all.in[input];
  for (int32_t i = 0; i < all.args.outs; ++i) {
    if (all.out[i] == block) return nullptr;  // it may change while the kernel runs
  }
  return all.copies.use(*block, key, bytes, after, fill, data);
}

}  // namespace chainrule
