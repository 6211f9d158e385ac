// RecBole reads the same rows as we do. The files under tests/fixtures/data_recbole are what
// prepare writes for awkward texts; pandas.json beside them is what pandas reads there with
// RecBole's arguments (tests/reference/data_recbole_read.py).
#include <gtest/gtest.h>

#include <set>

#include "core/json.h"
#include "data/dataset.h"
#include "data/prepare.h"
#include "data/temporary.h"

namespace kindred::data {
namespace {

const fs::path fixtures = fs::path(KINDRED_SOURCE_DIR) / "tests" / "fixtures" / "data_recbole";

/// Texts that files of tabs and lines have trouble with.
const std::vector<std::string>& awkward() {
  static const std::vector<std::string> texts{"plain",
                                              "\"quoted\"",
                                              "\"begins quoted\" and goes on",
                                              "ends \"quoted\"",
                                              "\"",
                                              "\"\"",
                                              "\"\"\"",
                                              "a \"\" b",
                                              "'single'",
                                              "tab\tin it",
                                              "line\nin it",
                                              "carriage\r\nreturn",
                                              " leading",
                                              "trailing ",
                                              "漢字 and émoji 😀",
                                              "back\\slash \\t \\n",
                                              "",
                                              "1.50",
                                              "# no comment",
                                              "a,b;c|d",
                                              "<b>&amp;</b>",
                                              "\"open and never closed",
                                              "no break\xc2\xa0space",
                                              "line\xe2\x80\xa8separator",
                                              "{title} {0} %s"};
  return texts;
}

PrepareReport prepare_awkward(const TemporaryFolder& folder) {
  std::string rows, goods, people;
  for (size_t u = 0; u < 6; ++u) {
    for (size_t i = 0; i < awkward().size(); ++i)
      rows += Json{{"u", "u" + std::to_string(u)},
                   {"i", "i" + std::to_string(i)},
                   {"r", 3.5},
                   {"t", 1500000000 + static_cast<int64_t>(i)},
                   {"x", awkward()[(i + u) % awkward().size()]}}
                  .dump() +
              "\n";
    people += Json{{"u", "u" + std::to_string(u)}, {"about", awkward()[u]}}.dump() + "\n";
  }
  for (size_t i = 0; i < awkward().size(); ++i)
    goods += Json{{"i", "i" + std::to_string(i)},
                  {"n", awkward()[i]},
                  {"d", awkward()[awkward().size() - 1 - i]}}
                 .dump() +
             "\n";
  PrepareOptions options;
  options.format = "jsonl";
  options.input = folder.write("in.jsonl", rows).string();
  options.output = (folder.path() / "awkward").string();
  options.columns = "user=u,item=i,rating=r,time=t,review=x";
  options.items = folder.write("goods.jsonl", goods).string();
  options.item_columns = "item=i,title=n,description=d";
  options.users = folder.write("people.jsonl", people).string();
  options.user_columns = "user=u,text=about";
  return prepare(options);
}

const char* const files[] = {"awkward.train.inter", "awkward.valid.inter", "awkward.test.inter",
                             "awkward.item", "awkward.user"};

TEST(RecBoleRead, PrepareWritesTheFilesPandasHasRead) {
  const TemporaryFolder folder;
  prepare_awkward(folder);
  for (const char* name : files)
    EXPECT_EQ(read_text(folder.path() / "awkward" / name), read_text(fixtures / name)) << name;
}

/// pandas takes an empty field for a missing value.
std::string text_of(const Json& value) {
  return value.is_null() ? "" : value.get<std::string>();
}

TEST(RecBoleRead, OurReaderReadsWhatPandasReads) {
  const Json pandas = read_json((fixtures / "pandas.json").string());
  const auto dataset = load_dataset(fixtures);
  EXPECT_EQ(dataset->fingerprint, pandas["fingerprint"]);
  for (const Part part : all_parts) {
    const Json& wanted = pandas["awkward." + std::string(part_name(part)) + ".inter"];
    const InteractionTable& table = dataset->part(part);
    ASSERT_EQ(static_cast<size_t>(table.size()), wanted["user_id"].size());
    for (size_t row = 0; row < table.user.size(); ++row) {
      EXPECT_EQ(dataset->users.token(table.user[row]), wanted["user_id"][row]);
      EXPECT_EQ(dataset->items.token(table.item[row]), wanted["item_id"][row]);
      EXPECT_EQ(table.rating[row], wanted["rating"][row]);
      EXPECT_EQ(static_cast<double>(table.time[row]), wanted["timestamp"][row]);
      if (part == Part::train)
        EXPECT_EQ(dataset->train_reviews()->get(static_cast<int64_t>(row)),
                  text_of(wanted["review"][row]));
    }
  }
  for (const char* column : {"title", "description"})
    for (Index item = 0; item < dataset->item_count(); ++item)
      EXPECT_EQ(dataset->item_text(column)->get(item),
                text_of(pandas["awkward.item"][column][static_cast<size_t>(item)]))
          << column;
  for (Index user = 0; user < dataset->user_count(); ++user)
    EXPECT_EQ(dataset->user_text("text")->get(user),
              text_of(pandas["awkward.user"]["text"][static_cast<size_t>(user)]));
}

TEST(RecBoleRead, OnlyTabsAndLineEndsChangeInAText) {
  const TemporaryFolder folder;
  prepare_awkward(folder);
  const auto dataset = load_dataset(folder.path() / "awkward");
  for (Index item = 0; item < dataset->item_count(); ++item) {
    std::string wanted = awkward()[std::stoul(dataset->items.token(item).substr(1))];
    for (char& c : wanted)
      if (c == '\t' || c == '\n' || c == '\r') c = ' ';
    EXPECT_EQ(dataset->item_text("title")->get(item), wanted);
  }
}

}  // namespace
}  // namespace kindred::data
