#include "core/memory.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>

#include "core/error.h"
#include "core/strings.h"

namespace kindred {
namespace {

/// The number a one-line file holds, or UINT64_MAX (absent, or "max").
uint64_t number_in(const std::filesystem::path& path) {
  std::ifstream file(path);
  uint64_t number = 0;
  return file >> number ? number : UINT64_MAX;
}

uint64_t machine_available() {
  std::ifstream file("/proc/meminfo");
  for (std::string key, rest; file >> key && std::getline(file, rest);)
    if (key == "MemAvailable:") return std::stoull(rest) * 1024;
  return UINT64_MAX;
}

/// What a control group leaves; its file cache is given back under pressure, so it does not count.
uint64_t left_under(const std::filesystem::path& group, const char* limit, const char* usage) {
  const uint64_t most = number_in(group / limit);
  const uint64_t used = number_in(group / usage);
  if (most == UINT64_MAX || used == UINT64_MAX) return UINT64_MAX;
  uint64_t cache = 0;
  std::ifstream file(group / "memory.stat");
  for (std::string key; file >> key;) {
    uint64_t value = 0;
    file >> value;
    if (key == "inactive_file" || key == "total_inactive_file") cache = value;
  }
  return most - std::min(most, used - std::min(used, cache));
}

/// The group's own folder and all above it: the tightest limit holds.
uint64_t group_available() {
  uint64_t left = UINT64_MAX;
  std::ifstream file("/proc/self/cgroup");
  for (std::string line; std::getline(file, line);) {
    const size_t first = line.find(':'), second = line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    const bool unified = controllers.empty();
    if (!unified && controllers != "memory") continue;
    const std::filesystem::path root = unified ? "/sys/fs/cgroup" : "/sys/fs/cgroup/memory";
    std::filesystem::path group = root / line.substr(second + 2);
    for (;; group = group.parent_path()) {
      left = std::min(
          left, unified ? left_under(group, "memory.max", "memory.current")
                        : left_under(group, "memory.limit_in_bytes", "memory.usage_in_bytes"));
      if (group == root || !group.has_relative_path()) break;
    }
  }
  return left;
}

}  // namespace

uint64_t available_memory() {
  return std::min(machine_available(), group_available());
}

std::string memory_text(uint64_t bytes) {
  const char* units[] = {"bytes", "KB", "MB", "GB", "TB"};
  auto value = static_cast<double>(bytes);
  size_t unit = 0;
  for (; value >= 1000 && unit + 1 < std::size(units); ++unit) value /= 1000;
  char text[32];
  std::snprintf(text, sizeof text, unit >= 3 ? "%.1f" : "%.0f", value);
  return cat(text, " ", units[unit]);
}

void require_memory(uint64_t bytes, const std::string& where, const std::string& what,
                    const std::string& advice) {
  const uint64_t available = available_memory();
  if (bytes <= available) return;
  throw Error(Exit::config, where,
              cat(what, " would take ", memory_text(bytes), ", but ", memory_text(available),
                  " are available; ", advice));
}

void release_pages(std::string_view bytes) {
#ifdef MADV_PAGEOUT
  static const auto page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  const size_t ahead = page - 1 - (reinterpret_cast<uintptr_t>(bytes.data()) - 1) % page;
  if (ahead >= bytes.size()) return;
  const size_t whole = (bytes.size() - ahead) / page * page;
  // Advice only: a system that does not take it keeps the pages.
  if (whole > 0) madvise(const_cast<char*>(bytes.data() + ahead), whole, MADV_PAGEOUT);
#else
  (void)bytes;
#endif
}

}  // namespace kindred
