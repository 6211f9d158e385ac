#pragma once
// What `tokenizer.json` calls the pre-tokenizer: the cut of a text into words.

#include <functional>
#include <span>
#include <string_view>
#include <vector>

#include "text/json_node.h"
#include "text/splitter.h"

namespace kindred::text {

/// Receives words in order, some at a time; they live during the call only.
using WordSink = std::function<void(std::span<const std::string_view>)>;

/// A chain of cuts; each works on what the one before it left.
class PreTokenizer {
 public:
  /// Reads the `pre_tokenizer` of a `tokenizer.json`: ByteLevel, Digits, Split by a known regular
  /// expression, and Sequences of these that end in ByteLevel. Throws `bad_data` for any other.
  static PreTokenizer of_json(const JsonNode& node);
  static PreTokenizer of_rule(SplitRule rule, bool add_prefix_space);

  /// Cuts well-formed text. A word holds the text's own bytes (and the prefix space where one is
  /// added).
  void split(std::string_view text, const WordSink& sink) const;

  bool add_prefix_space() const;

 private:
  struct Step {
    SplitRule rule;
    bool add_prefix_space = false;  // each piece that does not start with a space gets one
  };
  class Buffer;

  static void read(const JsonNode& node, int depth, PreTokenizer& result);
  void apply(size_t step, std::string_view piece, Buffer& buffer) const;

  std::vector<Step> steps_;
  bool byte_level_ = false;
};

}  // namespace kindred::text
