#include "prompt/encode.h"

#include <algorithm>

namespace kindred::prompt {
namespace {

constexpr std::string_view kSpaces = " \t\n\r";
// Titles are shorter; what all prompts of a run keep takes no more than so many bytes.
constexpr size_t kLongestCell = 1024, kMostKept = size_t{64} << 20;

bool is_visible_ascii(char c) {
  return c > ' ' && c < '\x7F';
}

// Where a line may be cut as text::SpaceCut says: before the space at `at`.
bool may_cut(std::string_view text, size_t at) {
  if (at == 0 || at + 1 >= text.size() || text[at] != ' ') return false;
  const char next = text[at + 1];
  return is_visible_ascii(text[at - 1]) && next != ' ' && !(next >= '\t' && next <= '\r');
}

// The first and the last cut inside words of the template; between them stand only such words.
void add_cuts(std::string_view text, const Line::Piece& words, std::vector<size_t>& cuts) {
  size_t first = words.begin;
  while (first < words.end && !may_cut(text, first)) ++first;
  if (first == words.end) return;
  cuts.push_back(first);
  size_t last = words.end - 1;
  while (last > first && !may_cut(text, last)) --last;
  if (last > first) cuts.push_back(last);
}

}  // namespace

void Line::add(std::string_view text, bool filled) {
  pieces_.push_back({text_.size(), text_.size() + text.size(), filled});
  text_ += text;
}

void Line::clear() {
  text_.clear();
  pieces_.clear();
}

void Line::drop_spaces_behind() {
  while (!pieces_.empty() && !pieces_.back().filled) {
    Piece& last = pieces_.back();
    while (last.end > last.begin && kSpaces.find(text_.back()) != std::string_view::npos) {
      text_.pop_back();
      --last.end;
    }
    if (last.end > last.begin) return;
    pieces_.pop_back();
  }
}

void Line::drop_spaces_before() {
  if (pieces_.empty() || pieces_.front().filled) return;
  const size_t first = text_.find_first_not_of(kSpaces);
  const size_t count = std::min({first, pieces_.front().end, text_.size()});
  text_.erase(0, count);
  for (Piece& piece : pieces_) {
    piece.begin -= std::min(piece.begin, count);
    piece.end -= count;
  }
}

void Line::put_space_in_front() {
  text_.insert(text_.begin(), ' ');
  for (Piece& piece : pieces_) {
    ++piece.begin;
    ++piece.end;
  }
  pieces_.insert(pieces_.begin(), Piece{0, 1, false});
}

void Encode::append(const Line& line, std::vector<int32_t>& ids) const {
  if (line.empty()) return;
  const std::string_view text = line.text();
  std::vector<size_t> cuts;
  if (cut_ != text::SpaceCut::never) {
    for (const Line::Piece& piece : line.pieces()) {
      if (!piece.filled) add_cuts(text, piece, cuts);
    }
  }
  cuts.push_back(text.size());
  size_t begin = 0;
  auto piece = line.pieces().begin();
  for (const size_t end : cuts) {
    // A text lies in one cell: cuts are inside words.
    int texts = 0;
    for (; piece != line.pieces().end() && piece->end <= end; ++piece) texts += piece->filled;
    const bool spaceless = begin > 0 && cut_ == text::SpaceCut::drop;
    const std::string_view cell = text.substr(begin, end - begin).substr(spaceless ? 1 : 0);
    append_cell(cell, texts < 2 && cell.size() <= kLongestCell, ids);
    begin = end;
  }
}

void Encode::append_cell(std::string_view cell, bool keep, std::vector<int32_t>& ids) const {
  if (keep) {
    const std::lock_guard lock(kept_->mutex);
    const auto found = kept_->ids.find(cell);
    if (found != kept_->ids.end()) {
      ids.insert(ids.end(), found->second.begin(), found->second.end());
      return;
    }
  }
  std::vector<int32_t> made = function_(cell);
  ids.insert(ids.end(), made.begin(), made.end());
  if (!keep) return;
  const size_t bytes = cell.size() + made.size() * sizeof(int32_t) + 100;  // and what the map adds
  const std::lock_guard lock(kept_->mutex);
  if (kept_->bytes + bytes > kMostKept) return;
  if (kept_->ids.try_emplace(std::string(cell), std::move(made)).second) kept_->bytes += bytes;
}

Encode encoder(std::shared_ptr<const text::Tokenizer> tokenizer) {
  const text::Tokenizer& named = *tokenizer;
  auto function = [tokenizer = std::move(tokenizer)](std::string_view text) {
    return tokenizer->encode(text, {.add_special_tokens = false, .parse_special = false});
  };
  const std::vector<int32_t> letter = function("a");
  const std::string piece = letter.empty() ? "" : named.piece(letter.front());
  const bool own_space = piece.starts_with("\u2581") || piece.starts_with("\u0120");
  return {std::move(function), named.space_cut(), own_space};
}

}  // namespace kindred::prompt
