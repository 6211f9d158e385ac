#include "text/bpe_trainer.h"

#include <algorithm>
#include <set>
#include <unordered_map>

#include "core/error.h"
#include "core/strings.h"
#include "core/utf8.h"
#include "text/added_tokens.h"
#include "text/byte_level.h"
#include "text/json_node.h"
#include "text/merge_table.h"
#include "text/pair_merger.h"
#include "text/pre_tokenizer.h"

namespace kindred::text {
namespace {

constexpr SplitRule kRule{SplitRule::Kind::gpt2};
constexpr const char* kWhere = "tokenizer training";

std::vector<std::string> problems_of(const BpeTrainerOptions& options) {
  std::vector<std::string> problems;
  const auto problem = [&](const std::string& key, const std::string& message) {
    problems.push_back(cat(key, ": ", message));
  };
  std::set<std::string> specials;
  for (const std::string& token : options.special_tokens) {
    if (token.size() < 2 || !is_utf8(token)) {
      problem("special_tokens", cat("got ", shown(token), ", expected UTF-8 of two bytes or more"));
    }
    if (!specials.insert(token).second) problem("special_tokens", shown(token) + " is there twice");
  }
  const std::pair<const char*, const std::string*> roles[] = {{"bos_token", &options.bos_token},
                                                              {"eos_token", &options.eos_token},
                                                              {"pad_token", &options.pad_token}};
  for (const auto& [name, token] : roles) {
    if (!token->empty() && !specials.contains(*token)) {
      problem(name, shown(*token) + " is not among special_tokens");
    }
  }
  for (const std::string& word : options.reserved_words) {
    const bool whole = !word.empty() && is_utf8(word) && first_word(word, kRule) == word.size();
    if (!whole) {
      problem("reserved_words", cat("got ", shown(word),
                                    ", expected one word of the splitting rule "
                                    "(letters, digits or signs alone, after one space or none)"));
    }
  }
  const int64_t least = 256 + static_cast<int64_t>(options.special_tokens.size());
  if (options.vocab_size < least) {
    problem("vocab_size", cat("got ", options.vocab_size, ", expected ", least,
                              " or more: 256 bytes and the special tokens"));
  }
  if (options.min_frequency < 1) {
    problem("min_frequency", cat("got ", options.min_frequency, ", expected 1 or more"));
  }
  return problems;
}

std::vector<AddedToken> as_added(const std::vector<std::string>& contents) {
  std::vector<AddedToken> tokens;
  tokens.reserve(contents.size());
  for (const std::string& content : contents) {
    tokens.push_back({.content = content, .id = 0, .special = true});
  }
  return tokens;
}

/// The vocabulary as it grows.
class Growing {
 public:
  Growing(const BpeTrainerOptions& options, std::vector<std::string>& pieces) : pieces_(pieces) {
    for (const std::string& token : options.special_tokens) add(token);
    special_count_ = size();
    std::array<char32_t, 256> characters = byte_characters();
    std::sort(characters.begin(), characters.end());
    for (const char32_t character : characters) {
      std::string token;
      append_utf8(token, character);
      add(token);
    }
  }

  int32_t size() const { return static_cast<int32_t>(pieces_.size()); }
  std::array<int32_t, 256> byte_ids() const {
    std::array<int32_t, 256> ids{};
    for (int byte = 0; byte < 256; ++byte) {
      ids[byte] = ids_.at(to_byte_level(std::string(1, static_cast<char>(byte))));
    }
    return ids;
  }
  /// The id of the join of two pieces, new or not; nothing where it would be a special token.
  std::optional<int32_t> joined(int32_t left, int32_t right) {
    const std::string token = pieces_[left] + pieces_[right];
    const auto found = ids_.find(token);
    if (found == ids_.end()) return add(token);
    if (found->second < special_count_) return std::nullopt;
    return found->second;
  }
  void remove_last() {
    ids_.erase(pieces_.back());
    pieces_.pop_back();
  }

 private:
  int32_t add(const std::string& token) {
    pieces_.push_back(token);
    return ids_.emplace(token, size() - 1).first->second;
  }

  std::vector<std::string>& pieces_;
  std::unordered_map<std::string, int32_t> ids_;
  int32_t special_count_ = 0;
};

}  // namespace

struct BpeTrainer::State {
  struct Hash {
    using is_transparent = void;
    size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
  };

  explicit State(BpeTrainerOptions given)
      : options(std::move(given)),
        specials(as_added(options.special_tokens)),
        pre_tokenizer(PreTokenizer::of_rule(kRule, options.add_prefix_space)) {}

  void count(std::string_view text) {
    pre_tokenizer.split(text, true, [&](std::span<const std::string_view> words) {
      for (const std::string_view word : words) {
        const auto found = counts.find(word);
        if (found != counts.end()) {
          ++found->second;
        } else {
          counts.emplace(word, 1);
        }
      }
    });
  }

  /// The merges and tokens of the counted words.
  void learn(Growing& growing, std::stop_token stop, const Callback& callback);
  /// Joins reserved words that are not one token yet; returns by how many tokens that is too much.
  int32_t reserve(TrainedBpe& result, Growing& growing) const;

  /// Takes back the last merges that made `tokens` tokens.
  void forget(int32_t tokens, Growing& growing);

  BpeTrainerOptions options;
  TokenFinder specials;
  PreTokenizer pre_tokenizer;
  std::unordered_map<std::string, int64_t, Hash, std::equal_to<>> counts;
  std::vector<Merge> merges;
  std::vector<bool> made_token;  // whether the merge's result was new
};

void BpeTrainer::State::learn(Growing& growing, std::stop_token stop, const Callback& callback) {
  constexpr int64_t kReportEvery = 64;
  PairMerger merger;
  const auto byte_ids = growing.byte_ids();
  std::vector<int32_t> symbols;
  for (const auto& [word, count] : counts) {
    symbols.clear();
    for (const char byte : word) symbols.push_back(byte_ids[static_cast<uint8_t>(byte)]);
    merger.add_word(symbols, count);
  }
  merger.start();
  const int64_t wanted = options.vocab_size - growing.size();
  while (growing.size() < options.vocab_size) {
    const auto done = static_cast<int64_t>(merges.size());
    if (done % kReportEvery == 0) {
      if (stop.stop_requested()) throw Error(Exit::interrupted, kWhere, "stopped on request");
      if (callback) callback(done, wanted);
    }
    const auto pair = merger.next(options.min_frequency);
    if (!pair) break;
    const int32_t before = growing.size();
    const auto id = growing.joined(pair->first, pair->second);
    if (!id) continue;  // would be a special token
    merges.push_back({pair->first, pair->second, *id});
    made_token.push_back(growing.size() > before);
    merger.join(*pair, *id);
  }
  if (callback) callback(static_cast<int64_t>(merges.size()), wanted);
}

int32_t BpeTrainer::State::reserve(TrainedBpe& result, Growing& growing) const {
  const auto byte_ids = growing.byte_ids();
  std::vector<Merge> all = merges;
  for (const std::string& word : options.reserved_words) {
    while (true) {
      std::vector<int32_t> symbols;
      for (const char byte : word) symbols.push_back(byte_ids[static_cast<uint8_t>(byte)]);
      merge_symbols(symbols, MergeTable(all));
      if (symbols.size() <= 1) break;
      const auto id = growing.joined(symbols[0], symbols[1]);
      if (!id) {
        throw Error(Exit::config, kWhere,
                    cat("reserved_words: ", shown(word), " holds a special token"));
      }
      all.push_back({symbols[0], symbols[1], *id});
    }
  }
  result.merges.clear();
  for (const Merge& merge : all) result.merges.emplace_back(merge.left, merge.right);
  return growing.size() - options.vocab_size;
}

void BpeTrainer::State::forget(int32_t tokens, Growing& growing) {
  while (tokens > 0) {
    if (merges.empty()) {
      throw Error(Exit::config, kWhere,
                  cat("vocab_size: got ", options.vocab_size, ", expected ",
                      options.vocab_size + tokens, " or more to hold the reserved words"));
    }
    if (made_token.back()) {
      growing.remove_last();
      --tokens;
    }
    merges.pop_back();
    made_token.pop_back();
  }
}

BpeTrainer::BpeTrainer(BpeTrainerOptions options) {
  if (auto problems = problems_of(options); !problems.empty()) {
    throw Error(Exit::config, std::move(problems));
  }
  state_ = std::make_unique<State>(std::move(options));
}

BpeTrainer::~BpeTrainer() = default;

void BpeTrainer::add(std::string_view text) {
  std::string sanitized;
  if (!is_utf8(text)) text = sanitized = sanitize_utf8(text);
  state_->specials.cut(text, true, [&](const Segment& segment) {
    if (segment.id < 0) state_->count(segment.text);
  });
}

TrainedBpe BpeTrainer::train(std::stop_token stop, const Callback& callback) {
  if (state_->counts.empty()) {
    throw Error(Exit::bad_data, kWhere, "got no text, expected some to learn from");
  }
  TrainedBpe result;
  result.options = state_->options;
  Growing growing(state_->options, result.pieces);
  state_->merges.clear();
  state_->made_token.clear();
  state_->learn(growing, stop, callback);
  // Reserved words take the place of the last merges, which no other merge needs.
  while (true) {
    const int32_t learned = growing.size();
    const int32_t excess = state_->reserve(result, growing);
    if (excess <= 0) return result;
    while (growing.size() > learned) growing.remove_last();
    state_->forget(excess, growing);
  }
}

}  // namespace kindred::text
