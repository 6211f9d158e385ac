#include <algorithm>

#include "data/delimited.h"

namespace kindred::data {

/// Reads on inside a quoted field, from `at` to its closing mark and on to the separator (text in
/// between belongs to the field, as in Python's csv); false where the line ends first.
bool FieldSplitter::close_quoted(std::string_view line, size_t& at) {
  for (; at < line.size(); ++at) {
    if (line[at] != '"') {
      open_ += line[at];
    } else if (at + 1 < line.size() && line[at + 1] == '"') {
      open_ += '"';
      ++at;
    } else {
      const size_t end = std::min(line.find(syntax_.separator, ++at), line.size());
      open_.append(line.substr(at, end - at));
      at = end;
      return true;
    }
  }
  return false;
}

bool FieldSplitter::split(std::string_view line, size_t at) {
  const bool several = syntax_.quotes == Delimited::Quotes::several_lines;
  while (true) {
    const size_t begin = at;
    if (at < line.size() && line[at] == '"' && syntax_.quotes != Delimited::Quotes::none) {
      open_.clear();
      const bool closed = close_quoted(line, ++at);
      if (!closed && several) return false;
      push_quoted(line, begin, at, closed);
    } else {
      at = std::min(line.find(syntax_.separator, at), line.size());
      fields_.push_back(line.substr(begin, at - begin));
    }
    if (at >= line.size()) return true;
    at += syntax_.separator.size();
  }
}

/// On one line, only a field that is quoted as a whole counts as quoted: "Weird Al" Yankovic does
/// not.
void FieldSplitter::push_quoted(std::string_view line, size_t begin, size_t& at, bool closed) {
  const bool whole = closed && at > begin + 1 && line[at - 1] == '"';
  if (whole || syntax_.quotes == Delimited::Quotes::several_lines) {
    fields_.push_back(owned_.emplace_back(std::move(open_)));
  } else {
    at = std::min(line.find(syntax_.separator, begin), line.size());
    fields_.push_back(line.substr(begin, at - begin));
  }
}

/// The record goes on: the line at hand is gone when the next one has been read, so fields that
/// point into it are copied. Each once, so that long records cost no more than their bytes.
bool FieldSplitter::goes_on() {
  for (; kept_ < fields_.size(); ++kept_) fields_[kept_] = owned_.emplace_back(fields_[kept_]);
  return false;
}

bool FieldSplitter::start(std::string_view line) {
  fields_.clear();
  owned_.clear();
  kept_ = 0;
  return split(line, 0) || goes_on();
}

bool FieldSplitter::more(std::string_view line) {
  open_ += '\n';
  size_t at = 0;
  if (!close_quoted(line, at)) return false;
  fields_.push_back(owned_.emplace_back(std::move(open_)));
  open_.clear();
  if (at >= line.size()) return true;
  return split(line, at + syntax_.separator.size()) || goes_on();
}

}  // namespace kindred::data
