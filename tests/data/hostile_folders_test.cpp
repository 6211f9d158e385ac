// Damaged RecBole files and prepared folders.
#include <gtest/gtest.h>

#include <map>

#include "data/atomic.h"
#include "data/describe.h"
#include "data/hostile.h"

namespace kindred::data {
namespace {

class HostileFolders : public Hostile {
 protected:
  Caught load_error(const std::string& train, const std::string& item = "") {
    folder_.write("set/train.inter", train);
    folder_.write("set/valid.inter", "user_id:token\titem_id:token\n");
    folder_.write("set/test.inter", "user_id:token\titem_id:token\n");
    if (!item.empty()) folder_.write("set/x.item", item);
    return caught([&] { load_dataset(folder_.path() / "set"); });
  }
};

TEST_F(HostileFolders, DamagedAtomicFilesNameFileLineAndField) {
  const std::string header = "user_id:token\titem_id:token\trating:float\n";
  const std::map<std::string, std::string> cases{
      {"", "is empty"},
      {"user_id\titem_id:token\n", "header field 'user_id'"},
      {"user_id:int\titem_id:token\n", "header field 'user_id:int'"},
      {"user_id:token\tuser_id:token\n", "occurs twice"},
      {"user_id:token\tother:token\na\tb\n", "has no field 'item_id'"},
      {header, "holds no interaction"},
      {header + "a\tx\n", "train.inter:2: has 2 fields"},
      {header + "a\tx\t5\n\tx\t5\n", "train.inter:3: field 'user_id' is empty"},
      {header + "a\tx\tfive\n", "train.inter:2: field 'rating' is 'five'"},
      {header + "a\tx\tnan\n", "field 'rating' is 'nan'"}};
  for (const auto& [content, part] : cases) {
    const Caught error = load_error(content);
    EXPECT_EQ(error.code, Exit::bad_data) << content;
    EXPECT_NE(error.message.find(part), std::string::npos) << error.message;
  }
}

TEST_F(HostileFolders, FoldersThatAreNotWhatTheySeem) {
  EXPECT_EQ(caught([&] { load_dataset(folder_.path() / "none"); }).code, Exit::missing);
  EXPECT_EQ(caught([&] { load_dataset(folder_.path()); }).code, Exit::missing);
  EXPECT_EQ(caught([&] { load_dataset(folder_.write("file", "")); }).code, Exit::bad_data);
  const std::string rows = "user_id:token\titem_id:token\na\tx\n";
  folder_.write("set/only.inter", rows);
  Caught error = caught([&] { load_dataset(folder_.path() / "set"); });
  EXPECT_EQ(error.code, Exit::missing);
  EXPECT_NE(error.message.find("is not split"), std::string::npos) << error.message;
  folder_.write("set/valid.inter", rows);
  EXPECT_EQ(caught([&] { load_dataset(folder_.path() / "set"); }).code, Exit::missing);
  folder_.write("set/train.inter", rows);
  folder_.write("set/a.item", "item_id:token\nx\n");
  EXPECT_EQ(load_dataset(folder_.path() / "set")->item_count(), 1);
  folder_.write("set/b.item", "item_id:token\nx\n");
  error = caught([&] { load_dataset(folder_.path() / "set"); });
  EXPECT_NE(error.message.find("several .item files"), std::string::npos) << error.message;
  fs::remove(folder_.path() / "set" / "b.item");
  folder_.write("set/other.train.inter", rows);
  EXPECT_EQ(caught([&] { load_dataset(folder_.path() / "set"); }).code, Exit::bad_data);
}

TEST_F(HostileFolders, APreparedFolderThatWasChangedIsSeen) {
  PrepareOptions o = amazon(reviews(70));
  prepare(o);
  EXPECT_TRUE(describe(o.output)->problems.empty());
  const fs::path train = fs::path(o.output) / "out.train.inter";
  const std::string content = read_text(train);
  folder_.write("out/out.train.inter",
                content.substr(0, content.rfind('\n', content.size() - 2) + 1));
  const Caught error = caught([&] { load_dataset(o.output); });
  EXPECT_EQ(error.code, Exit::bad_data);
  EXPECT_NE(error.message.find("prepare the folder again"), std::string::npos) << error.message;
  EXPECT_EQ(describe(o.output)->problems.size(), 2u);
  folder_.write("out/out.train.inter", content);
  std::string info = read_text(fs::path(o.output) / "dataset.json");
  info.replace(info.find("\"schema\": 1"), 11, "\"schema\": 9");
  folder_.write("out/dataset.json", info);
  const Caught newer = caught([&] { load_dataset(o.output); });
  EXPECT_EQ(newer.code, Exit::bad_data);
  EXPECT_NE(newer.message.find("schema 9"), std::string::npos) << newer.message;
}

TEST_F(HostileFolders, ATextFileCutShortWhileInUseIsAnError) {
  PrepareOptions o = amazon(reviews(70));
  prepare(o);
  const auto dataset = load_dataset(o.output);
  fs::resize_file(fs::path(o.output) / "out.train.inter", 100);
  EXPECT_EQ(caught([&] { dataset->train_reviews()->get(30); }).code, Exit::io);
}

TEST_F(HostileFolders, QuotesInFilesByOthersAreLiteralUnlessTheyClose) {
  folder_.write("set/train.inter", "user_id:token\titem_id:token\na\tx\na\ty\na\tz\na\tw\n");
  folder_.write(
      "set/x.item",
      "item_id:token\ttitle:token_seq\tbrand:token_seq\n"
      "x\t\"Weird Al\" mug\tno\ny\t\"never closed\tb\nz\t\"quoted \"\"tab\there\"\"\"\tc\n"
      "w\t\"\td\n");
  const auto dataset = load_dataset(folder_.path() / "set");
  EXPECT_EQ(dataset->title(0), "\"Weird Al\" mug");
  EXPECT_EQ(dataset->title(1), "\"never closed");
  EXPECT_EQ(dataset->title(2), "quoted \"tab\there\"");
  EXPECT_EQ(dataset->title(3), "\"");
  EXPECT_EQ(dataset->item_text("brand")->get(1), "b");
}

TEST_F(HostileFolders, FieldsRoundTripWhateverTheyHold) {
  for (const std::string text : {"", "plain", "\"", "\"\"", "\"a", "a\"", "\"a\"", "\"a\" b",
                                 "\"\"\"", " lead", "tail ", "q\"\"q", "\"\",\""}) {
    std::string line;
    append_field(line, text);
    line += '\t';
    append_field(line, "next");
    std::vector<std::string_view> fields;
    split_fields(line, '\t', fields);
    ASSERT_EQ(fields.size(), 2u) << text;
    EXPECT_EQ(unquoted(fields[0]), text);
    EXPECT_EQ(fields[1], "next");
  }
}

}  // namespace
}  // namespace kindred::data
