#include "eval/metrics/dump.h"

#include <charconv>

#include "core/error.h"
#include "core/strings.h"
#include "eval/metrics/text_metrics.h"

namespace kindred::eval {

namespace {

// Nine significant digits, the same in every locale.
void append_float(std::string& text, float value) {
  char digits[32];
  const auto end =
      std::to_chars(digits, digits + sizeof digits, value, std::chars_format::general, 9).ptr;
  text.append(digits, end);
}

}  // namespace

void append_token(std::string& line, std::string_view token) {
  if (token.empty() || token.find_first_of(" \t\r\n") != std::string_view::npos) {
    throw Error(Exit::bad_data, "dump",
                cat("got the id '", token,
                    "', expected one without white space and not empty; prepare "
                    "the data with --replace-id-spaces _"));
  }
  line += token;
}

RankingDumpWriter::RankingDumpWriter(std::ostream& out, std::span<const std::string> item_tokens)
    : out_(out), item_tokens_(item_tokens) {
  out_ << "user:token\tranked:token_seq\tscores:float_seq\trelevant:token_seq\n";
}

void RankingDumpWriter::add(std::string_view user, std::span<const data::Index> ranked,
                            std::span<const float> scores, std::span<const data::Index> relevant) {
  check(ranked.size() == scores.size(), "every ranked item has a score");
  const auto append_items = [&](std::span<const data::Index> items) {
    for (size_t i = 0; i < items.size(); ++i) {
      check(items[i] >= 0 && static_cast<size_t>(items[i]) < item_tokens_.size(),
            "dumped items have tokens");
      if (i > 0) line_ += ' ';
      append_token(line_, item_tokens_[static_cast<size_t>(items[i])]);
    }
  };
  line_.clear();
  append_token(line_, user);
  line_ += '\t';
  append_items(ranked);
  line_ += '\t';
  for (size_t i = 0; i < scores.size(); ++i) {
    if (i > 0) line_ += ' ';
    append_float(line_, scores[i]);
  }
  line_ += '\t';
  append_items(relevant);
  line_ += '\n';
  out_.write(line_.data(), static_cast<std::streamsize>(line_.size()));
}

PointwiseDumpWriter::PointwiseDumpWriter(std::ostream& out) : out_(out) {
  out_ << "user:token\titem:token\tlabel:float\tscore:float\n";
}

void PointwiseDumpWriter::add(std::string_view user, std::string_view item, float label,
                              float score) {
  line_.clear();
  append_token(line_, user);
  line_ += '\t';
  append_token(line_, item);
  line_ += '\t';
  append_float(line_, label);
  line_ += '\t';
  append_float(line_, score);
  line_ += '\n';
  out_.write(line_.data(), static_cast<std::streamsize>(line_.size()));
}

GeneratedDumpWriter::GeneratedDumpWriter(std::ostream& out) : out_(out) {
  out_ << "user:token\tanswer:token_seq\trelevant:token_seq\n";
}

void GeneratedDumpWriter::add(const GeneratedAnswer& answer) {
  std::string user;
  append_token(user, answer.user);
  const std::string text = normalized_text(answer.answer);
  const auto row = [&](const std::string& title) {
    out_ << user << '\t' << text << '\t' << normalized_text(title) << '\n';
  };
  for (const std::string& title : answer.titles) row(title);
  if (answer.titles.empty()) row("");
}

}  // namespace kindred::eval
