#include "model/memory.h"

#if defined(__linux__)
#include <sys/mman.h>
#endif

#include <cstdint>

namespace kindred::model {

torch::Tensor empty_large(at::IntArrayRef shape) {
  torch::Tensor tensor = torch::empty(shape, torch::kFloat32);
#ifdef MADV_HUGEPAGE
  constexpr size_t least = size_t{4} << 20, page = 4096;
  if (tensor.nbytes() >= least) {
    // Whole pages inside the tensor; nothing has touched them yet. A refusal costs speed only.
    const auto start = reinterpret_cast<uintptr_t>(tensor.data_ptr());
    const uintptr_t begin = (start + page - 1) / page * page;
    const uintptr_t end = (start + tensor.nbytes()) / page * page;
    madvise(reinterpret_cast<void*>(begin), end - begin, MADV_HUGEPAGE);
  }
#endif
  return tensor;
}

}  // namespace kindred::model
