// MovieLens in its three layouts: 100K, 1M/10M (::) and 20M and later (CSV).

#include <array>

#include "core/error.h"
#include "core/strings.h"
#include "core/utf8.h"
#include "data/find_files.h"
#include "data/lines.h"
#include "data/readers.h"
#include "data/text_tables.h"

namespace kindred::data {
namespace {

namespace fs = std::filesystem;

enum class Layout { k100, dat, csv };

Layout layout_of(const fs::path& ratings) {
  LineReader lines(ratings);
  std::string_view line;
  lines.next(line);
  if (line.find("::") != std::string_view::npos) return Layout::dat;
  if (line.find('\t') != std::string_view::npos) return Layout::k100;
  if (line.starts_with("userId,")) return Layout::csv;
  throw Error(
      Exit::bad_data, lines.where(),
      "is no MovieLens ratings file: expected user::item::rating::time (1M, 10M), four columns "
      "by tabs (100K), or a header userId,movieId,rating,timestamp (20M and later)");
}

Delimited syntax_of(const std::string& separator, bool header = false) {
  Delimited syntax;
  syntax.separator = separator;
  syntax.quotes = header ? Delimited::Quotes::several_lines : Delimited::Quotes::none;
  syntax.header = header ? Delimited::Header::names : Delimited::Header::none;
  syntax.latin1 = true;
  return syntax;
}

std::string with_bars(std::string_view genres) {
  if (genres == "(no genres listed)") return {};
  std::string text;
  for (const char c : genres)
    if (c == '|')
      text += " | ";
    else
      text += c;
  return text;
}

/// What the codes of 1M's users.dat mean, from its README.
std::string age_of(std::string_view code) {
  static const std::array<std::pair<std::string_view, const char*>, 7> ages{
      {{"1", "under 18"},
       {"18", "18 to 24"},
       {"25", "25 to 34"},
       {"35", "35 to 44"},
       {"45", "45 to 49"},
       {"50", "50 to 55"},
       {"56", "56 or older"}}};
  for (const auto& [known, text] : ages)
    if (code == known) return text;
  return std::string(code);
}

std::string occupation_of(std::string_view code) {
  static constexpr std::array<const char*, 21> occupations{"other",
                                                           "academic or educator",
                                                           "artist",
                                                           "clerical or administrative",
                                                           "college or graduate student",
                                                           "customer service",
                                                           "doctor or health care",
                                                           "executive or managerial",
                                                           "farmer",
                                                           "homemaker",
                                                           "student in school",
                                                           "lawyer",
                                                           "programmer",
                                                           "retired",
                                                           "sales or marketing",
                                                           "scientist",
                                                           "self-employed",
                                                           "technician or engineer",
                                                           "tradesman or craftsman",
                                                           "unemployed",
                                                           "writer"};
  for (size_t i = 0; i < occupations.size(); ++i)
    if (code == std::to_string(i)) return occupations[i];
  return std::string(code);
}

class MovieLensReader : public RawReader {
 public:
  MovieLensReader(const fs::path& input, const RawOptions& options) : options_(options) {
    const FolderFiles folder = list_data_files(input);
    ratings_ =
        fs::is_directory(input) ? folder.find({"u.data", "ratings.dat", "ratings.csv"}) : input;
    if (ratings_.empty()) only_file({}, input, "ratings (u.data, ratings.dat or ratings.csv)");
    layout_ = layout_of(ratings_);
    movies_ = layout_ == Layout::k100  ? folder.find({"u.item"})
              : layout_ == Layout::dat ? folder.find({"movies.dat"})
                                       : folder.find({"movies.csv"});
    users_ = layout_ == Layout::k100  ? folder.find({"u.user"})
             : layout_ == Layout::dat ? folder.find({"users.dat"})
                                      : fs::path();
    genres_ = layout_ == Layout::k100 ? folder.find({"u.genre"}) : fs::path();
    if (!options.items.empty()) movies_ = options.items;
    if (!options.users.empty()) users_ = options.users;
  }

  RawColumns columns() const override { return {.rating = true, .time = true}; }

  void interactions(RowSink& sink, ReadContext& context) override {
    const bool csv = layout_ == Layout::csv;
    const ColumnNames names = csv ? ColumnNames{"userId", "movieId", "rating", "timestamp"}
                                  : ColumnNames{"1", "2", "3", "4"};
    auto records = open_delimited(ratings_,
                                  syntax_of(csv                      ? ","
                                            : layout_ == Layout::dat ? "::"
                                                                     : "\t",
                                            csv),
                                  names, context.bad);
    read_rows(*records, {.user = 0, .item = 1, .rating = 2, .time = 3}, options_, sink, context);
  }

  void item_texts(TextSink& sink, ReadContext& context) override {
    if (movies_.empty()) return;
    if (layout_ == Layout::k100) return old_movies(sink, context);
    const bool csv = layout_ == Layout::csv;
    const ColumnNames names =
        csv ? ColumnNames{"movieId", "title", "genres"} : ColumnNames{"1", "2", "3"};
    auto records = open_delimited(movies_, syntax_of(csv ? "," : "::", csv), names, context.bad);
    while (records->next()) {
      context.bad.good();
      if (!sink.begin(records->cell(0).text)) continue;
      sink.text("title", records->cell(1).text);
      sink.text("categories", with_bars(records->cell(2).text));
    }
  }

  void user_texts(TextSink& sink, ReadContext& context) override {
    if (users_.empty()) return;
    const bool old = layout_ == Layout::k100;
    // 100K: id|age|gender|occupation|zip; 1M: id::gender::age code::occupation code::zip
    const ColumnNames names =
        old ? ColumnNames{"1", "2", "3", "4"} : ColumnNames{"1", "3", "2", "4"};
    auto records = open_delimited(users_, syntax_of(old ? "|" : "::"), names, context.bad);
    while (records->next()) {
      context.bad.good();
      if (!sink.begin(records->cell(0).text)) continue;
      const std::string_view age = records->cell(1).text, gender = records->cell(2).text;
      const std::string_view work = records->cell(3).text;
      sink.text("text", cat(gender == "F"   ? "female"
                            : gender == "M" ? "male"
                                            : gender,
                            ", age ", old ? std::string(age) : age_of(age), ", ",
                            old ? std::string(work) : occupation_of(work)));
    }
  }

  std::vector<fs::path> files() const override {
    std::vector<fs::path> all{ratings_};
    for (const fs::path& path : {movies_, users_, genres_})
      if (!path.empty()) all.push_back(path);
    return all;
  }

 private:
  /// u.item: id|title|release|video release|url|a 0/1 flag for each genre of u.genre.
  void old_movies(TextSink& sink, ReadContext& context) const {
    std::vector<std::string> genres;
    ColumnNames names{"1", "2"};
    if (!genres_.empty()) {
      LineReader lines(genres_);
      std::string_view line;
      while (lines.next(line)) {
        if (trim(line).empty()) continue;
        const std::string_view genre = line.substr(0, line.find('|'));
        if (is_utf8(genre))
          genres.emplace_back(genre);
        else
          append_latin1(genres.emplace_back(), genre);
      }
    }
    for (size_t i = 0; i < genres.size(); ++i) names.emplace_back(std::to_string(6 + i), false);
    auto records = open_delimited(movies_, syntax_of("|"), names, context.bad);
    while (records->next()) {
      context.bad.good();
      if (!sink.begin(records->cell(0).text)) continue;
      std::vector<std::string> of_movie;
      for (size_t i = 0; i < genres.size(); ++i)
        if (records->cell(2 + i).text == "1" && genres[i] != "unknown")
          of_movie.push_back(genres[i]);
      sink.text("title", records->cell(1).text);
      sink.text("categories", join(of_movie, " | "));
    }
  }

  const RawOptions options_;
  Layout layout_ = Layout::dat;
  fs::path ratings_, movies_, users_, genres_;
};

}  // namespace

std::unique_ptr<RawReader> open_movielens(const fs::path& input, const RawOptions& options) {
  return std::make_unique<MovieLensReader>(input, options);
}

}  // namespace kindred::data
