#pragma once
// Training of a byte-level BPE tokenizer from text, for small language models made from scratch.

#include <cstdint>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/files.h"
#include "core/options.h"
#include "text/tokenizer.h"

namespace kindred::text {

struct BpeTrainerOptions {
  int32_t vocab_size = 8192;
  int64_t min_frequency = 2;
  /// Take the first ids, in this order.
  std::vector<std::string> special_tokens = {"<|endoftext|>"};
  /// Each becomes a single token wherever it is a whole word of the splitting rule (" Yes"): where
  /// training does not join it, merges of the lowest priority do, within `vocab_size`.
  std::vector<std::string> reserved_words;
  /// Which special token plays which part; empty: none.
  std::string bos_token = "<|endoftext|>";
  std::string eos_token = "<|endoftext|>";
  std::string pad_token;
  bool add_prefix_space = false;

  template <class V>
  void visit(V& v) {
    v("vocab_size", vocab_size, "tokens at most, the 256 bytes and special tokens included",
      Bounds{257, 1 << 24});
    v("min_frequency", min_frequency, "a pair seen less often is not merged", Bounds{1});
    v("special_tokens", special_tokens, "tokens that take the first ids, in this order");
    v("reserved_words", reserved_words, "words that stay single tokens, such as \" Yes\"");
    v("bos_token", bos_token, "the special token that begins a text; empty: none");
    v("eos_token", eos_token, "the special token that ends a text; empty: none");
    v("pad_token", pad_token, "the special token that pads; empty: none");
    v("add_prefix_space", add_prefix_space, "a text is read as if it began with a space");
  }
};

/// A trained tokenizer before it is written.
struct TrainedBpe {
  BpeTrainerOptions options;
  /// Tokens by id, as the vocabulary stores them.
  std::vector<std::string> pieces;
  /// Merges by rank, as pairs of ids of `pieces`.
  std::vector<std::pair<int32_t, int32_t>> merges;

  /// The text of `tokenizer.json`.
  std::string tokenizer_json() const;

  /// The tokenizer itself.
  std::shared_ptr<Tokenizer> tokenizer() const;

  /// Writes `tokenizer.json`, `vocab.json`, `merges.txt`, `tokenizer_config.json` and
  /// `special_tokens_map.json` into a folder, as `transformers` reads them. Throws `io`.
  void save(const fs::path& folder) const;
};

/// Counts words of text given piece by piece, then learns merges: always the most frequent pair, of
/// equally frequent ones that of the smaller left id, then of the smaller right id (the reference
/// trainer's rule, so merges equal its own).
class BpeTrainer {
 public:
  /// Throws `config`, with every problem, where the options contradict one another.
  explicit BpeTrainer(BpeTrainerOptions options);
  ~BpeTrainer();
  BpeTrainer(const BpeTrainer&) = delete;
  BpeTrainer& operator=(const BpeTrainer&) = delete;

  /// Counts the words of one text; texts are apart from one another (no word spans two). Special
  /// tokens in the text are left out, as they never are words.
  void add(std::string_view text);

  /// Called with (merges learned, merges wanted) now and then.
  using Callback = std::function<void(int64_t, int64_t)>;

  /// Learns the merges; may learn fewer than asked where no pair is frequent enough. Throws
  /// `interrupted` when stopped, `bad_data` where no text was given.
  TrainedBpe train(std::stop_token stop = {}, const Callback& callback = {});

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace kindred::text
