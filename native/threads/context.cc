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

}  // namespace chainrule
