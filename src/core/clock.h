#pragma once
// How long things take.

#include <chrono>

namespace kindred {

/// Seconds of a clock that only runs forwards; differences of it are durations.
inline double seconds_now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

}  // namespace kindred
