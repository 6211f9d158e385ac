// Sentences a second of a sentence encoder: texts (or their token ids, to leave the tokenizer out)
// to vectors, loading excluded. lm_encoder_twin.py is the same by sentence-transformers.
//
//   lm_encoder --model DIR (--text-file F | --ids F) [--precision fp32|bf16|auto] [--threads N]
//              [--repeats N] [--tokens-at-once N] [--out F]
//
// F of --text-file has a JSON string a line, that of --ids token ids with spaces between, a line a
// text. --out gets the vectors as raw floats.

#include <torch/torch.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <fstream>
#include <sstream>
#include <string>

#include "lm/commands.h"
#include "lm/sentence_encoder.h"
#include "model/threads.h"

namespace {

using Tokens = std::vector<int64_t>;

struct Arguments {
  std::string model, text_file, ids, precision = "fp32", out;
  int threads = 2;
  int64_t repeats = 1, tokens_at_once = 8192;
};

Arguments parse(int argc, char** argv) {
  Arguments a;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string name = argv[i], value = argv[i + 1];
    if (name == "--model") a.model = value;
    if (name == "--text-file") a.text_file = value;
    if (name == "--ids") a.ids = value;
    if (name == "--precision") a.precision = value;
    if (name == "--threads") a.threads = std::stoi(value);
    if (name == "--repeats") a.repeats = std::stoll(value);
    if (name == "--tokens-at-once") a.tokens_at_once = std::stoll(value);
    if (name == "--out") a.out = value;
  }
  return a;
}

std::vector<Tokens> read_ids(const std::string& path) {
  std::vector<Tokens> all;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    std::istringstream numbers(line);
    all.emplace_back();
    for (int64_t id = 0; numbers >> id;) all.back().push_back(id);
  }
  return all;
}

torch::Tensor embed(kindred::lm::SentenceEncoder& encoder, const std::vector<Tokens>& texts,
                    int64_t at_once) {
  std::vector<torch::Tensor> vectors;
  for (size_t first = 0; first < texts.size();) {
    Tokens ids, offsets = {0};
    size_t last = first;
    do {
      ids.insert(ids.end(), texts[last].begin(), texts[last].end());
      offsets.push_back(static_cast<int64_t>(ids.size()));
      ++last;
    } while (last < texts.size() &&
             static_cast<int64_t>(ids.size() + texts[last].size()) <= at_once);
    vectors.push_back(encoder.embed(torch::tensor(ids, torch::kInt64), offsets));
    first = last;
  }
  return torch::cat(vectors);
}

}  // namespace

int main(int argc, char** argv) {
  const Arguments a = parse(argc, argv);
  kindred::model::use_threads(a.threads);
  const torch::NoGradGuard no_grad;
  kindred::lm::LoadOptions options;
  options.precision = a.precision;
  kindred::lm::SentenceEncoder encoder(a.model, options);
  std::vector<Tokens> ids = a.ids.empty() ? std::vector<Tokens>() : read_ids(a.ids);
  std::vector<std::string> texts;
  if (!a.text_file.empty()) texts = kindred::lm::read_text_lines(a.text_file);
  // Packs the weights.
  encoder.embed(torch::tensor({101, 102}, torch::kInt64), {0, 2});
  for (int64_t i = 0; i < a.repeats; ++i) {
    const std::clock_t began_cpu = std::clock();
    const auto began = std::chrono::steady_clock::now();
    if (!texts.empty()) {
      ids.clear();
      for (const std::string& text : texts) ids.push_back(encoder.encode(text));
    }
    const auto read = std::chrono::steady_clock::now();
    const auto vectors = embed(encoder, ids, a.tokens_at_once);
    const auto ended = std::chrono::steady_clock::now();
    const auto seconds = [](auto from, auto to) {
      return std::chrono::duration<double>(to - from).count();
    };
    int64_t tokens = 0;
    for (const Tokens& one : ids) tokens += static_cast<int64_t>(one.size());
    const double cpu = static_cast<double>(std::clock() - began_cpu) / CLOCKS_PER_SEC;
    std::printf(
        "%s, %d threads: %zu texts, %lld tokens, %.2f s, of it tokenizer %.2f s: %.0f texts/s; "
        "%.2f s of processors\n",
        a.precision.c_str(), a.threads, ids.size(), static_cast<long long>(tokens),
        seconds(began, ended), seconds(began, read),
        static_cast<double>(ids.size()) / seconds(began, ended), cpu);
    std::fflush(stdout);
    if (!a.out.empty()) {
      std::ofstream(a.out, std::ios::binary)
          .write(static_cast<const char*>(vectors.contiguous().const_data_ptr()),
                 static_cast<std::streamsize>(vectors.nbytes()));
    }
  }
  return 0;
}
