#pragma once
// How many threads compute. LibTorch's matrix library (oneDNN) divides a product by the number that
// was asked for and computes a part of it, silently, where OpenMP grants fewer.

namespace kindred::model {

/// Sets the threads of LibTorch and OpenMP to `wanted`, or to what OpenMP grants where that is less
/// (OMP_THREAD_LIMIT), with a warning. Returns the number set.
int use_threads(int wanted);

/// Makes what is set now hold on the calling thread: no more than OpenMP grants, and teams that do
/// not shrink under load (OMP_DYNAMIC). Cheap; whatever multiplies in bf16 or with packed weights
/// calls it first.
void secure_threads();

}  // namespace kindred::model
