#pragma once
// The ids of words met before. Fixed size: a newer word takes the place of an older one.

#include <array>
#include <cstdint>
#include <cstring>
#include <memory>
#include <mutex>
#include <span>
#include <string_view>
#include <vector>

namespace kindred::text {

/// One thread's memory of short words and their ids; 1 MiB.
class WordCache {
 public:
  static constexpr size_t kLongestWord = 31, kMostIds = 8;

  /// A word of 1 to kLongestWord bytes, padded; its length makes it unique.
  struct Key {
    explicit Key(std::string_view word) {
      char bytes[32] = {};
      std::memcpy(bytes, word.data(), word.size());
      bytes[31] = static_cast<char>(word.size());
      std::memcpy(parts.data(), bytes, sizeof bytes);
    }
    Key() = default;
    bool operator==(const Key&) const = default;

    std::array<uint64_t, 4> parts{};
  };

  /// A word's ids, -1 after the last.
  struct Entry {
    Key key;
    std::array<int32_t, kMostIds> ids;
  };

  WordCache() : entries_(size_t{1} << kBits) {}

  /// The place of a key: its entry, or what stands there instead.
  Entry& place(const Key& key) {
    uint64_t mixed = 0;
    for (const uint64_t part : key.parts) {
      mixed = (mixed ^ part) * 0x9E3779B97F4A7C15u;
      mixed ^= mixed >> 32;
    }
    return entries_[mixed * 0xD6E8FEB86659FD93u >> (64 - kBits)];
  }

 private:
  static constexpr int kBits = 14;
  std::vector<Entry> entries_;
};

/// Lends a cache to each thread that asks and keeps it for the next.
class WordCaches {
 public:
  class Lease {
   public:
    explicit Lease(WordCaches& caches) : caches_(caches), cache_(caches.take()) {}
    ~Lease() { caches_.give(std::move(cache_)); }
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;
    WordCache* operator->() const { return cache_.get(); }

   private:
    WordCaches& caches_;
    std::unique_ptr<WordCache> cache_;
  };

 private:
  std::unique_ptr<WordCache> take() {
    const std::lock_guard lock(mutex_);
    if (idle_.empty()) return std::make_unique<WordCache>();
    auto cache = std::move(idle_.back());
    idle_.pop_back();
    return cache;
  }
  void give(std::unique_ptr<WordCache> cache) {
    const std::lock_guard lock(mutex_);
    idle_.push_back(std::move(cache));
  }

  std::mutex mutex_;
  std::vector<std::unique_ptr<WordCache>> idle_;
};

}  // namespace kindred::text
