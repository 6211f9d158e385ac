// Encoding and training speed of the byte-level tokenizer, one thread.
//   tokenizer_bench FOLDER TEXT_FILE [VOCABULARY]
// FOLDER holds a tokenizer; each line of TEXT_FILE is one text. With VOCABULARY a tokenizer of that
// size is also trained from the file. Prints one JSON object; tokenizer_bench.py prints it beside
// the reference's figures.

#include <chrono>
#include <cstdio>
#include <cstdlib>

#include "core/error.h"
#include "core/strings.h"
#include "text/bpe_trainer.h"
#include "text/tokenizer.h"

namespace {

using namespace kindred;

double seconds(const auto& work) {
  const auto begun = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
}

int run(const char* folder, const char* file, int vocabulary) {
  constexpr int kRounds = 5;
  const std::string text = read_file(file);
  const std::vector<std::string> lines = split(text, '\n');
  std::shared_ptr<text::Tokenizer> tokenizer;
  const double load = seconds([&] { tokenizer = text::Tokenizer::load(folder); });
  size_t tokens = 0;
  double best = 1e9;
  for (int round = 0; round < kRounds; ++round) {
    tokens = 0;
    best = std::min(best, seconds([&] {
                      for (const std::string& line : lines)
                        tokens += tokenizer->encode(line).size();
                    }));
  }
  const double whole = seconds([&] { tokenizer->encode(text); });
  const std::string word(1 << 20, 'a');
  const double long_word = seconds([&] { tokenizer->encode(word); });
  const double megabytes = static_cast<double>(text.size()) / 1e6;
  std::printf(
      "{\"load_s\": %.4f, \"tokens\": %zu, \"encode_mb_s\": %.2f, \"whole_mb_s\": %.2f, "
      "\"word_1mb_s\": %.4f",
      load, tokens, megabytes / best, megabytes / whole, long_word);
  if (vocabulary > 0) {
    const double train = seconds([&] {
      text::BpeTrainerOptions options;
      options.vocab_size = vocabulary;
      text::BpeTrainer trainer(options);
      for (const std::string& line : lines) trainer.add(line);
      trainer.train();
    });
    std::printf(", \"train_s\": %.2f", train);
  }
  std::printf("}\n");
  return 0;
}

}  // namespace

int main(int count, char** arguments) {
  if (count < 3) {
    std::fprintf(stderr, "usage: tokenizer_bench FOLDER TEXT_FILE [VOCABULARY]\n");
    return 2;
  }
  try {
    return run(arguments[1], arguments[2], count > 3 ? std::atoi(arguments[3]) : 0);
  } catch (const Error& error) {
    std::fprintf(stderr, "error: %s\n", error.what());
    return static_cast<int>(error.code());
  }
}
