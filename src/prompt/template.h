#pragma once
// Prompt templates: hard segments of vocabulary words between slots. A template is written by the
// author of a method or recipe, never by the data: titles and reviews only ever fill slots.

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "text/tokenizer.h"

namespace kindred::prompt {

/// Text to vocabulary ids. Special-token strings and slot markers in the text are ordinary text.
using Encode = std::function<std::vector<int32_t>(std::string_view)>;

/// The encoder of prompts: no special tokens added, none parsed.
Encode encoder(std::shared_ptr<const text::Tokenizer> tokenizer);

/// Where one more space is put in front of a hard segment before it is tokenised: nowhere (the
/// template's own spaces stand), in front of a template that begins with words, or before each
/// (SentencePiece's dummy prefix).
enum class PrefixSpace { none, first, each };

/// What a slot takes.
enum class SlotShape {
  one,    ///< one vector: a row of its kind's table
  many,   ///< any number of vectors, oldest first
  words,  ///< running text, as vocabulary ids
};

/// A slot a template may use as `<name>`.
struct Slot {
  std::string name;
  SlotShape shape = SlotShape::one;
  int kind = 0;  ///< which vectors fill it (index into the method's list); ignored for words
};

/// How hard segments are cut out of the template.
struct TemplateOptions {
  PrefixSpace prefix_space = PrefixSpace::none;
  /// Keeps white space that stands before a slot as part of the segment. Otherwise it is dropped
  /// before a vector (a vector is no word) and joins the text before a words slot.
  bool keep_trailing_space = false;
};

/// A compiled template: `<user> has interacted with <items>`. At most one slot is of a growing
/// shape (many, words).
class Template {
 public:
  /// Throws `config` naming an unknown slot (with the nearest name), a second growing slot, or an
  /// empty template.
  Template(std::string_view text, std::span<const Slot> slots, const Encode& encode,
           TemplateOptions options = {});

  /// A hard segment (slot < 0) or a slot (its number in `slots()`).
  struct Part {
    int slot = -1;
    std::vector<int32_t> ids;    ///< of a hard segment
    bool leading_space = false;  ///< of a words slot: its text is tokenised with a space in front
  };

  const std::string& text() const { return text_; }
  const std::vector<Part>& parts() const { return parts_; }
  const std::vector<Slot>& slots() const { return slots_; }
  /// The number of the slot of that name in `slots()`, or -1.
  int slot(std::string_view name) const;
  /// Tokens that are always there: hard segments and single slots.
  int64_t fixed_length() const { return fixed_length_; }
  /// How many entries the growing slot may have in a sequence of `limit` tokens (0 when none fit).
  int64_t room(int64_t limit) const { return limit > fixed_length_ ? limit - fixed_length_ : 0; }
  /// Whether the words slot's text is tokenised with a space in front.
  bool words_take_space() const;

 private:
  void add_text(const std::string& segment, const Encode& encode);
  void add_slot(const Slot& slot, bool leading_space);

  std::string text_;
  TemplateOptions options_;
  std::vector<Part> parts_;
  std::vector<Slot> slots_;
  int64_t fixed_length_ = 0;
};

/// The last `room` entries of a history (oldest first): what is kept when it is longer.
template <class T>
std::span<const T> most_recent(std::span<const T> history, int64_t room) {
  const size_t keep = std::min(history.size(), static_cast<size_t>(room));
  return history.subspan(history.size() - keep);
}

}  // namespace kindred::prompt
