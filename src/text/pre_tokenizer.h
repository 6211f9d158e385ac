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

/// A chain of cuts; each works on what the one before it left. Without any, a text is one word.
class PreTokenizer {
 public:
  /// Reads the `pre_tokenizer` of a `tokenizer.json`: ByteLevel (the last of its chain), Digits,
  /// Punctuation, Split by a known regular expression, WhitespaceSplit, BertPreTokenizer,
  /// Metaspace, and Sequences of these. Throws `bad_data` for any other.
  static PreTokenizer of_json(const JsonNode& node);
  /// Words of bytes, as the byte-level tokenizers have them.
  static PreTokenizer of_rule(SplitRule rule, bool add_prefix_space);
  static PreTokenizer of_bert();
  /// One word; a space goes in front of the whole text, one that starts with a space too.
  static PreTokenizer of_space_in_front();

  /// Cuts well-formed text. A word holds the text's own bytes (and the prefix space where one is
  /// added); white space may be left out. `first`: nothing of the whole text is in front of it.
  void split(std::string_view text, bool first, const WordSink& sink) const;

  /// Whether a text is always cut before a space that follows a visible ASCII character, and what
  /// stands on one side of it does not matter to the other.
  bool cuts_before_spaces() const;
  bool empty() const { return steps_.empty(); }

  /// Whether the words are bytes for a byte-level model.
  bool byte_level() const { return byte_level_; }

 private:
  enum class Front : uint8_t { never, first, first_doubled, always };
  struct Step {
    SplitRule rule;
    Front space = Front::never;  // which pieces that do not start with a space get one
    bool mark_spaces = false;    // spaces become U+2581
    bool drop_spaces = false;    // pieces of white space are left out
  };
  class Buffer;

  static void read(const JsonNode& node, int depth, PreTokenizer& result);
  static void read_split(const JsonNode& node, PreTokenizer& result);
  static void read_metaspace(const JsonNode& node, PreTokenizer& result);
  void apply(size_t step, std::string_view piece, bool first, Buffer& buffer) const;

  std::vector<Step> steps_;
  bool byte_level_ = false;
};

}  // namespace kindred::text
