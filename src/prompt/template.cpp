#include "prompt/template.h"

#include <algorithm>
#include <cctype>
#include <utility>

#include "core/error.h"
#include "core/strings.h"

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

/// Cuts the white space off the end of `segment`; whether there was any.
bool drop_trailing_space(std::string& segment) {
  const size_t end = segment.find_last_not_of(" \t\n\r");
  const size_t size = end == std::string::npos ? 0 : end + 1;
  const bool dropped = size < segment.size();
  segment.resize(size);
  return dropped;
}

}  // namespace

Encode encoder(std::shared_ptr<const text::Tokenizer> tokenizer) {
  return [tokenizer = std::move(tokenizer)](std::string_view text) {
    return tokenizer->encode(text, {.add_special_tokens = false, .parse_special = false});
  };
}

Template::Template(std::string_view text, std::span<const Slot> slots, const Encode& encode,
                   TemplateOptions options)
    : text_(text), options_(options) {
  const std::string where = cat("prompt '", text, "'");
  std::string segment;
  for (size_t at = 0; at < text.size();) {
    const size_t end = text[at] == '<' ? marker_end(text, at) : std::string_view::npos;
    if (end == std::string_view::npos) {
      segment += text[at++];
      continue;
    }
    const Slot& slot = find_slot(text.substr(at + 1, end - at - 2), slots, where);
    const bool space = !options_.keep_trailing_space && drop_trailing_space(segment);
    add_text(std::exchange(segment, {}), encode);
    add_slot(slot, space);
    at = end;
  }
  add_text(segment, encode);
  if (parts_.empty()) throw Error(Exit::config, where, "got an empty prompt, expected words");
}

void Template::add_text(const std::string& segment, const Encode& encode) {
  if (segment.empty()) return;
  const bool prefix = options_.prefix_space == PrefixSpace::each ||
                      (options_.prefix_space == PrefixSpace::first && parts_.empty());
  Part part;
  part.ids = encode(prefix ? " " + segment : segment);
  fixed_length_ += static_cast<int64_t>(part.ids.size());
  parts_.push_back(std::move(part));
}

void Template::add_slot(const Slot& slot, bool leading_space) {
  const auto grows = [](const Slot& s) { return s.shape != SlotShape::one; };
  if (grows(slot) && std::any_of(slots_.begin(), slots_.end(), grows)) {
    throw Error(Exit::config, cat("prompt '", text_, "'"),
                cat("got a second slot of any length, '<", slot.name, ">', expected at most one"));
  }
  Part part;
  part.slot = static_cast<int>(slots_.size());
  part.leading_space = slot.shape == SlotShape::words && leading_space;
  if (slot.shape == SlotShape::one) ++fixed_length_;
  parts_.push_back(std::move(part));
  slots_.push_back(slot);
}

int Template::slot(std::string_view name) const {
  for (size_t i = 0; i < slots_.size(); ++i) {
    if (slots_[i].name == name) return static_cast<int>(i);
  }
  return -1;
}

bool Template::words_take_space() const {
  return std::any_of(parts_.begin(), parts_.end(), [](const Part& p) { return p.leading_space; });
}

}  // namespace kindred::prompt
