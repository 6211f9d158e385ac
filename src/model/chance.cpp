#include "model/chance.h"

#include "core/random.h"

namespace kindred::model {
namespace {

thread_local BatchChance* innermost = nullptr;

}  // namespace

BatchChance::BatchChance(uint64_t seed, int64_t first, int64_t stride)
    : seed_(seed), first_(first), stride_(stride), outer_(innermost) {
  innermost = this;
}

BatchChance::~BatchChance() {
  innermost = outer_;
}

BatchChance* BatchChance::current() {
  return innermost;
}

uint64_t BatchChance::next_pass() {
  return Random(seed_, "pass", {passes_++})();
}

}  // namespace kindred::model
