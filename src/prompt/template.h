#pragma once
// Prompt templates: hard segments of vocabulary words between slots. A template is written by the
// author of a method or recipe, never by the data: titles and reviews only ever fill slots.

#include <algorithm>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "prompt/encode.h"

namespace kindred::prompt {

/// Where one more space is put in front of a hard segment before it is tokenised: nowhere (the
/// template's own spaces stand), in front of a template that begins with words (special tokens
/// before them do not count), or before each. A tokenizer that puts one in front of every text
/// itself (SentencePiece's dummy prefix) is never given a second: with it every segment has one.
enum class PrefixSpace { none, first, each };

/// What a slot takes.
enum class SlotShape {
  one,      ///< one vector: a row of its kind's table
  many,     ///< any number of vectors, oldest first
  words,    ///< running text, as vocabulary ids
  text,     ///< a text as it stands, tokenised as one string with the words and texts round it
  list,     ///< any number of entries of words and slots, oldest first
  special,  ///< no slot in truth: one token given by its id, which no text can name
};

/// A slot a template may use as `<name>`.
struct Slot {
  std::string name;
  SlotShape shape = SlotShape::one;
  int kind = 0;    ///< which vectors fill it (index into the method's list); of vectors only
  int32_t id = 0;  ///< of a special token
  /// Of a list: one entry as a template of words and of slots `one`, `text` and `special`, such as
  /// `"<title>"<vector>`; its slots stand nowhere else.
  std::string entry = {};
  std::string separator = {};  ///< of a list: words between entries
  std::string empty = {};      ///< of a list: words in place of one without entries
};

/// What fills one slot in one prompt: rows or texts, which convert to it; the slots of a list's
/// entry take an element for each entry.
struct Filling {
  std::span<const int32_t> rows;            ///< one, many: table rows; words: vocabulary ids
  std::string_view text;                    ///< text
  std::span<const std::string_view> texts;  ///< text in a list's entry

  Filling() = default;
  Filling(std::span<const int32_t> all) : rows(all) {}
  Filling(const std::vector<int32_t>& all) : rows(all) {}
  Filling(const int32_t* first, size_t count) : rows(first, count) {}
  Filling(std::string_view one) : text(one) {}
  Filling(const std::string& one) : text(one) {}
  Filling(const char* one) : text(one) {}
  Filling(std::span<const std::string_view> all) : texts(all) {}
  Filling(const std::vector<std::string_view>& all) : texts(all) {}
};

/// How hard segments are cut out of the template, and who gives way in a prompt that is too long.
struct TemplateOptions {
  PrefixSpace prefix_space = PrefixSpace::none;
  /// Keeps white space that stands before a slot as part of the segment. Otherwise it is dropped
  /// before a vector (a vector is no word) and joins the text before a words slot. Beside special
  /// tokens, texts and lists it always stays.
  bool keep_trailing_space = false;
  /// Drops the template's white space that stands after a vector.
  bool drop_leading_space = false;
  /// The slots of any length that are cut where a prompt is too long, the first as far as it must
  /// before the next is touched: lists and histories lose their oldest entries, texts and words
  /// keep their beginning. What is not named stays whole. Absent: the only one there is.
  std::optional<std::vector<std::string>> gives_way = {};
};

/// A compiled template: `<user> has interacted with <items>`.
class Template {
 public:
  /// Throws `config` naming an unknown slot (with the nearest name), a second slot of any length
  /// where nothing says who gives way, a list whose entry cannot be one, or an empty template. `\<`
  /// is a `<` that begins no slot.
  Template(std::string_view text, std::span<const Slot> slots, Encode encode,
           TemplateOptions options = {});

  /// A hard segment (slot < 0) or a slot (its number in `slots()`).
  struct Part {
    int slot = -1;
    std::vector<int32_t> ids;    ///< of a hard segment that touches no text, or the special token
    bool special = false;        ///< that is a special token
    std::string words;           ///< of one tokenised together with the texts beside it
    bool leading_space = false;  ///< of a words slot: its text is tokenised with a space in front
  };

  /// What of the template or of a prompt stands on both sides of a line.
  struct Edges {
    bool first = false;        ///< nothing but special tokens before it
    bool after_slot = false;   ///< a vector, or given words
    bool before_slot = false;  ///< likewise
  };
  /// Appends the ids of a line that stands there; the line is used up.
  void append(Line& line, const Edges& edges, std::vector<int32_t>& ids) const;

  const std::string& text() const { return text_; }
  const std::vector<Part>& parts() const { return parts_; }
  /// The slots used, each once, in the order of their first use; a list's before those of its
  /// entry.
  const std::vector<Slot>& slots() const { return slots_; }
  /// The number of the slot of that name in `slots()`, or -1.
  int slot(std::string_view name) const;
  /// The parts of an entry of the list with that number; none for other slots.
  const std::vector<Part>& entry(int slot) const { return entries_[static_cast<size_t>(slot)]; }
  /// Numbers of the slots that are cut, in the order in which they give way.
  const std::vector<int>& gives_way() const { return gives_way_; }
  /// Fillings by slot number, given by name: all slots of the template, and any that it does
  /// without.
  std::vector<Filling> fillings(
      std::initializer_list<std::pair<std::string_view, Filling>> by_name) const;
  /// Tokens that are always there: hard segments and single slots, lists and texts being empty.
  int64_t fixed_length() const { return fixed_length_; }
  /// How many entries a single growing slot of one token each (many, words) may have in a sequence
  /// of `limit` tokens (0 when none fit).
  int64_t room(int64_t limit) const { return limit > fixed_length_ ? limit - fixed_length_ : 0; }
  /// Whether the words slot's text is tokenised with a space in front.
  bool words_take_space() const;

 private:
  /// Words, or a slot.
  struct Token {
    std::string words;
    const Slot* slot = nullptr;
  };
  static std::vector<Token> tokens_of(std::string_view text, std::span<const Slot> slots,
                                      const std::string& where);

  void compile(const std::vector<Token>& tokens);
  void compile_entry(const Slot& list, std::span<const Slot> slots);
  int number_of(const Slot& slot);
  bool is_of_entry(int slot) const;
  int64_t empty_length() const;
  void order_cuts(std::span<const Slot> slots);

  std::string text_;
  Encode encode_;
  TemplateOptions options_;
  std::vector<Part> parts_;
  std::vector<Slot> slots_;
  std::vector<std::vector<Part>> entries_;  // by slot number
  std::vector<int> gives_way_;
  int64_t fixed_length_ = 0;
};

/// The last `room` entries of a history (oldest first): what is kept when it is longer.
template <class T>
std::span<const T> most_recent(std::span<const T> history, int64_t room) {
  const size_t keep = std::min(history.size(), static_cast<size_t>(room));
  return history.subspan(history.size() - keep);
}

}  // namespace kindred::prompt
