#include "model/threads.h"

#include <ATen/Parallel.h>
#include <omp.h>

#include <algorithm>

#include "core/log.h"
#include "core/strings.h"

namespace kindred::model {

int use_threads(int wanted) {
  const int granted = omp_get_thread_limit();
  if (wanted > granted)
    log::warning(cat("threads: got ", wanted, ", but OMP_THREAD_LIMIT allows ", granted, "; using ",
                     granted));
  omp_set_dynamic(0);
  at::set_num_threads(std::min(wanted, granted));
  return std::min(wanted, granted);
}

void secure_threads() {
  if (omp_get_dynamic() != 0) omp_set_dynamic(0);
  if (at::get_num_threads() > omp_get_thread_limit()) use_threads(at::get_num_threads());
}

}  // namespace kindred::model
