#include "data/side_texts.h"

#include <algorithm>
#include <cstring>

#include "core/utf8.h"

namespace kindred::data {

SideTexts::SideTexts(const IdMap& ids, std::vector<uint8_t> wanted, const RawOptions& options,
                     const std::filesystem::path& spill)
    : ids_(ids),
      wanted_(std::move(wanted)),
      seen_(wanted_.size(), 0),
      max_text_(options.max_text_bytes),
      replacement_(options.replace_id_spaces),
      spill_(spill) {}

bool SideTexts::begin(std::string_view id) {
  std::string buffer;
  const auto found = ids_.find(replacement_ ? with_blanks_replaced(id, *replacement_, buffer) : id);
  const bool want = found && wanted_[static_cast<size_t>(*found)];
  if (!want) {
    ++unwanted_;
    return false;
  }
  current_ = *found;
  uint8_t& seen = seen_[static_cast<size_t>(current_)];
  matched_ += !seen;
  seen = 1;
  return true;
}

void SideTexts::text(std::string_view column, std::string_view text) {
  if (text.empty()) return;
  auto name = std::find(names_.begin(), names_.end(), column);
  if (name == names_.end()) {
    names_.emplace_back(column);
    have_.emplace_back(wanted_.size(), false);
    name = names_.end() - 1;
  }
  const auto column_number = static_cast<size_t>(name - names_.begin());
  if (have_[column_number][static_cast<size_t>(current_)]) return;
  have_[column_number][static_cast<size_t>(current_)] = true;
  if (text.size() > static_cast<size_t>(max_text_)) {
    text = utf8_prefix(text, static_cast<size_t>(max_text_));
    ++cut_;
  }
  numbered_.assign(reinterpret_cast<const char*>(&column_number), sizeof column_number);
  numbered_ += text;
  spill_.add(static_cast<uint32_t>(current_), numbered_);
}

void SideTexts::finish() {
  spill_.finish();
  texts_.resize(names_.size());
  more_ = spill_.next(next_);
}

const std::vector<std::string>& SideTexts::of(Index id) {
  for (std::string& text : texts_) text.clear();
  for (; more_ && next_.key <= static_cast<uint32_t>(id); more_ = spill_.next(next_)) {
    if (next_.key < static_cast<uint32_t>(id)) continue;
    size_t column_number = 0;
    std::memcpy(&column_number, next_.text.data(), sizeof column_number);
    texts_[column_number] = next_.text.substr(sizeof column_number);
  }
  return texts_;
}

}  // namespace kindred::data
