#include "prompt/template.h"

#include <algorithm>
#include <cctype>
#include <limits>
#include <utility>

#include "core/error.h"
#include "core/strings.h"
#include "prompt/packed_prompts.h"

namespace kindred::prompt {
namespace {

bool is_name_character(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '-';
}

/// The end of a slot marker `<name>` that starts at `begin`, or npos where the text is no marker.
size_t marker_end(std::string_view text, size_t begin) {
  size_t end = begin + 1;
  while (end < text.size() && is_name_character(text[end])) ++end;
  const bool closed = end > begin + 1 && end < text.size() && text[end] == '>';
  return closed ? end + 1 : std::string_view::npos;
}

const Slot& find_slot(std::string_view name, std::span<const Slot> slots,
                      const std::string& where) {
  std::vector<std::string> known;
  for (const Slot& slot : slots) {
    if (slot.name == name) return slot;
    known.push_back("<" + slot.name + ">");
  }
  throw Error(Exit::config, where,
              cat("got the slot '<", name, ">'", suggestion(cat("<", name, ">"), known),
                  ", expected one of: ", join(known, ", ")));
}

/// Whether what fills a slot is tokenised together with the words beside it.
bool joins_words(const Slot* slot) {
  return slot != nullptr && (slot->shape == SlotShape::text || slot->shape == SlotShape::list);
}

/// Whether it stands in the prompt as vectors or as ids that are given.
bool is_given(const Slot* slot) {
  return slot != nullptr && !joins_words(slot) && slot->shape != SlotShape::special;
}

bool grows(const Slot& slot) {
  return slot.shape != SlotShape::one && slot.shape != SlotShape::special;
}

bool ends_with_space(std::string_view words) {
  return words.ends_with(' ') || words.ends_with('\t') || words.ends_with('\n') ||
         words.ends_with('\r');
}

[[noreturn]] void refuse_in_entry(const Slot& slot, const std::string& where) {
  throw Error(Exit::config, where,
              cat("got <", slot.name,
                  "> in an entry and elsewhere; a slot of an entry takes something for each entry "
                  "and needs a name of its own"));
}

}  // namespace

Template::Template(std::string_view text, std::span<const Slot> slots, Encode encode,
                   TemplateOptions options)
    : text_(text), encode_(std::move(encode)), options_(std::move(options)) {
  const std::string where = cat("prompt '", text, "'");
  const std::vector<Token> tokens = tokens_of(text, slots, where);
  if (tokens.empty()) throw Error(Exit::config, where, "got an empty prompt, expected words");
  for (const Token& token : tokens) {
    if (token.slot == nullptr || token.slot->shape == SlotShape::special) continue;
    const int known = slot(token.slot->name);
    if (known >= 0 && is_of_entry(known)) refuse_in_entry(*token.slot, where);
    number_of(*token.slot);
    if (known < 0 && token.slot->shape == SlotShape::list) compile_entry(*token.slot, slots);
  }
  compile(tokens);
  order_cuts(slots);
  fixed_length_ = empty_length();
}

int64_t Template::empty_length() const {
  const int32_t row = 0;
  std::vector<Filling> none(slots_.size());
  for (size_t i = 0; i < slots_.size(); ++i) {
    if (slots_[i].shape == SlotShape::one && !is_of_entry(static_cast<int>(i))) none[i] = {&row, 1};
  }
  PackedPrompts prompts;
  return prompts.add(*this, none, std::numeric_limits<int64_t>::max()).end;
}

bool Template::is_of_entry(int slot) const {
  return std::ranges::any_of(entries_, [&](const std::vector<Part>& entry) {
    return std::ranges::any_of(entry, [&](const Part& part) { return part.slot == slot; });
  });
}

std::vector<Template::Token> Template::tokens_of(std::string_view text, std::span<const Slot> slots,
                                                 const std::string& where) {
  std::vector<Token> tokens;
  std::string words;
  const auto add_words = [&] {
    if (!words.empty()) tokens.push_back({std::exchange(words, {})});
  };
  for (size_t at = 0; at < text.size();) {
    if (text.substr(at, 2) == "\\<") {
      words += '<';
      at += 2;
      continue;
    }
    const size_t end = text[at] == '<' ? marker_end(text, at) : std::string_view::npos;
    if (end == std::string_view::npos) {
      words += text[at++];
      continue;
    }
    add_words();
    tokens.push_back({{}, &find_slot(text.substr(at + 1, end - at - 2), slots, where)});
    at = end;
  }
  add_words();
  return tokens;
}

int Template::number_of(const Slot& used) {
  const int known = slot(used.name);
  if (known >= 0) return known;
  slots_.push_back(used);
  entries_.emplace_back();
  return static_cast<int>(slots_.size()) - 1;
}

void Template::compile(const std::vector<Token>& tokens) {
  bool first = true;
  for (size_t i = 0; i < tokens.size(); ++i) {
    const Token& token = tokens[i];
    const Slot* before = i > 0 ? tokens[i - 1].slot : nullptr;
    const Slot* behind = i + 1 < tokens.size() ? tokens[i + 1].slot : nullptr;
    Part part;
    if (token.slot == nullptr && (joins_words(before) || joins_words(behind))) {
      part.words = token.words;
    } else if (token.slot == nullptr) {
      Line line;
      line.add_words(token.words);
      append(line, {first, is_given(before), is_given(behind)}, part.ids);
    } else if (token.slot->shape == SlotShape::special) {
      part.ids = {token.slot->id};
      part.special = true;
    } else {
      part.slot = number_of(*token.slot);
      const bool space = i > 0 && before == nullptr && ends_with_space(tokens[i - 1].words);
      part.leading_space =
          token.slot->shape == SlotShape::words && space && !options_.keep_trailing_space;
    }
    first = first && token.slot != nullptr && token.slot->shape == SlotShape::special;
    if (part.slot >= 0 || !part.ids.empty() || !part.words.empty()) {
      parts_.push_back(std::move(part));
    }
  }
}

void Template::compile_entry(const Slot& list, std::span<const Slot> slots) {
  const std::string where =
      cat("prompt '", text_, "', entry '", list.entry, "' of <", list.name, ">");
  const auto number = static_cast<size_t>(slot(list.name));
  std::vector<Part> entry;
  bool filled = false;
  for (Token& token : tokens_of(list.entry, slots, where)) {
    Part part;
    if (token.slot == nullptr) {
      part.words = std::move(token.words);
    } else if (token.slot->shape == SlotShape::special) {
      part.ids = {token.slot->id};
      part.special = true;
    } else {
      const SlotShape shape = token.slot->shape;
      if (shape != SlotShape::one && shape != SlotShape::text) {
        throw Error(Exit::config, where,
                    cat("got <", token.slot->name,
                        ">, expected words, single "
                        "vectors, texts and special tokens"));
      }
      if (slot(token.slot->name) >= 0) refuse_in_entry(*token.slot, where);
      part.slot = number_of(*token.slot);
      filled = true;
    }
    entry.push_back(std::move(part));
  }
  if (!filled) throw Error(Exit::config, where, "got no slot, expected one at least");
  entries_[number] = std::move(entry);
}

void Template::order_cuts(std::span<const Slot> slots) {
  const std::string where = cat("prompt '", text_, "'");
  if (options_.gives_way) {
    for (const std::string& name : *options_.gives_way) {
      const Slot& named = find_slot(name, slots, where + ", gives_way");
      if (!grows(named)) {
        throw Error(Exit::config, where + ", gives_way",
                    cat("got <", name, ">, which has one length, expected slots of any length"));
      }
      const int number = slot(name);
      if (number >= 0) gives_way_.push_back(number);
    }
    return;
  }
  for (const Part& part : parts_) {
    if (part.slot < 0 || !grows(slots_[static_cast<size_t>(part.slot)])) continue;
    if (!gives_way_.empty()) {
      throw Error(
          Exit::config, where,
          cat("got a second slot of any length, '<", slots_[static_cast<size_t>(part.slot)].name,
              ">', and no order of who gives way, expected at most one such slot or "
              "gives_way with those that may be cut, the first to be cut first"));
    }
    gives_way_.push_back(part.slot);
  }
}

void Template::append(Line& line, const Edges& edges, std::vector<int32_t>& ids) const {
  if (edges.before_slot && !options_.keep_trailing_space) line.drop_spaces_behind();
  if (edges.after_slot && options_.drop_leading_space) line.drop_spaces_before();
  if (line.empty()) return;
  const bool prefix = options_.prefix_space == PrefixSpace::each ||
                      (options_.prefix_space == PrefixSpace::first && edges.first);
  if (prefix && !encode_.puts_space_in_front()) line.put_space_in_front();
  encode_.append(line, ids);
}

int Template::slot(std::string_view name) const {
  for (size_t i = 0; i < slots_.size(); ++i) {
    if (slots_[i].name == name) return static_cast<int>(i);
  }
  return -1;
}

std::vector<Filling> Template::fillings(
    std::initializer_list<std::pair<std::string_view, Filling>> by_name) const {
  std::vector<Filling> result(slots_.size());
  std::vector<uint8_t> given(slots_.size(), 0);
  for (const auto& [name, filling] : by_name) {
    const int number = slot(name);
    if (number < 0) continue;
    result[static_cast<size_t>(number)] = filling;
    given[static_cast<size_t>(number)] = 1;
  }
  for (size_t i = 0; i < slots_.size(); ++i) {
    const bool is_list = slots_[i].shape == SlotShape::list;
    check(is_list || given[i], "a filling for every slot of a prompt");
  }
  return result;
}

bool Template::words_take_space() const {
  return std::any_of(parts_.begin(), parts_.end(), [](const Part& p) { return p.leading_space; });
}

}  // namespace kindred::prompt
