// Preparing a large file of reviews: speed and memory. bench/prepare_bench.py runs both steps, each
// in its own process, beside pandas.
//
//   prepare_bench generate FILE BYTES    writes lines shaped as Amazon's of 2018, always the same
//   ones prepare_bench run FILE FOLDER [K]    prepares them (k-core K, default 0) and prints one
//   JSON object
#include <sys/resource.h>

#include <chrono>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <string>
#include <vector>

#include "core/error.h"
#include "core/random.h"
#include "data/prepare.h"

namespace {

using namespace kindred;

/// A number in [0, n) that is small more often than large, as popularity is.
uint64_t skewed(Random& random, uint64_t n) {
  const double u = random.uniform();
  return static_cast<uint64_t>(static_cast<double>(n) * u * u * u);
}

class Generator {
 public:
  explicit Generator(uint64_t bytes) : random_(1, "prepare_bench") {
    for (int i = 0; i < 5000; ++i) {
      std::string word;
      for (uint64_t length = 2 + random_.below(9); word.size() < length;)
        word += static_cast<char>('a' + random_.below(26));
      words_.push_back(word);
    }
    // About 800 bytes a line; a user has some eight reviews, an item some twenty.
    users_ = bytes / 800 / 8 + 1;
    items_ = bytes / 800 / 20 + 1;
  }

  void line(std::string& out) {
    out += "{\"overall\": ";
    out += static_cast<char>('1' + std::min<uint64_t>(4, 4 - skewed(random_, 5)));
    out += ".0, \"verified\": true, \"reviewTime\": \"09 13, 2016\", \"reviewerID\": \"A";
    id(out, skewed(random_, users_), 13);
    out += "\", \"asin\": \"B";
    id(out, skewed(random_, items_), 9);
    out += "\", \"style\": {\"Format:\": \" Hardcover\"}, \"reviewerName\": \"";
    text(out, 2);
    out += "\", \"reviewText\": \"";
    text(out, 15 + skewed(random_, 260));
    out += "\", \"summary\": \"";
    text(out, 5);
    out +=
        "\", \"unixReviewTime\": " + std::to_string(1400000000 + random_.below(100000000)) + "}\n";
  }

 private:
  static void id(std::string& out, uint64_t number, int digits) {
    static constexpr char alphabet[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    number *= 0x9e3779b97f4a7c15ULL | 1;
    for (int i = 0; i < digits; ++i, number /= 36) out += alphabet[number % 36];
  }
  void text(std::string& out, uint64_t words) {
    for (uint64_t i = 0; i < words; ++i) {
      if (i > 0) out += ' ';
      out += words_[skewed(random_, words_.size())];
      const uint64_t chance = random_.below(100);
      if (chance < 6) out += '.';
      if (chance == 6) out += "\\n\\n";
      if (chance == 7) out += " \\\"really\\\"";
      if (chance == 8) out += "\\u2019s";
    }
  }

  Random random_;
  std::vector<std::string> words_;
  uint64_t users_, items_;
};

void generate(const std::string& path, uint64_t bytes) {
  Generator generator(bytes);
  std::ofstream file(path, std::ios::binary);
  std::string block;
  for (uint64_t written = 0; written < bytes; written += block.size()) {
    block.clear();
    while (block.size() < (1 << 20)) generator.line(block);
    file << block;
  }
  if (!file.flush()) throw Error(Exit::io, path, "writing failed");
}

double seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
}

void run(const std::string& input, const std::string& output, int k_core) {
  data::PrepareOptions options;
  options.format = "amazon-2018";
  options.input = input;
  options.output = output;
  options.k_core = k_core;
  const auto begin = std::chrono::steady_clock::now();
  const data::PrepareReport report = data::prepare(options);
  const std::chrono::duration<double> wall = std::chrono::steady_clock::now() - begin;
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  std::cout << Json{{"wall_seconds", wall.count()},
                    {"user_seconds", seconds(usage.ru_utime)},
                    {"system_seconds", seconds(usage.ru_stime)},
                    {"peak_bytes", usage.ru_maxrss * 1024},
                    {"rows", report.info["rows"]["read"]},
                    {"interactions", report.info["counts"]["interactions"]}}
                   .dump()
            << "\n";
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  try {
    if (arguments.size() == 3 && arguments[0] == "generate") {
      generate(arguments[1], std::stoull(arguments[2]));
    } else if (arguments.size() >= 3 && arguments[0] == "run") {
      run(arguments[1], arguments[2], arguments.size() > 3 ? std::stoi(arguments[3]) : 0);
    } else {
      std::cerr << "prepare_bench generate FILE BYTES | run FILE FOLDER [K]\n";
      return 2;
    }
  } catch (const Error& error) {
    std::cerr << "error: " << error.what() << "\n";
    return static_cast<int>(error.code());
  }
  return 0;
}
