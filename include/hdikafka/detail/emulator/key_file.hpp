// The file by which Azure Arc's agent tells who may read its files.
#ifndef HDIKAFKA_DETAIL_EMULATOR_KEY_FILE_HPP
#define HDIKAFKA_DETAIL_EMULATOR_KEY_FILE_HPP

#include <hdikafka/detail/base/regular_file.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace hdikafka::inline v0_1::detail::emulation {

#if __has_include(<sys/file.h>)

/// Holds one key at a time, for its owner alone; gone at the end. A file that somebody else has put there is
/// never touched. Not synchronised.
class emulator_key_file
{
public:
    explicit emulator_key_file(std::string path) : path_(std::move(path)) {}

    emulator_key_file(emulator_key_file const&) = delete;
    emulator_key_file& operator=(emulator_key_file const&) = delete;

    ~emulator_key_file()
    {
        if (is_ours())
            ::unlink(path_.c_str());
    }

    /// Puts the key in the place of the last one, whole: a reader sees either of them.
    bool write(std::string_view key)
    {
        try {
            replacing_file fresh(path_, 0600);
            fresh.file().write(key);
            if (is_ours())
                fresh.put();
            else
                fresh.put_first();
            made_.emplace(fresh.file().about());
            return true;
        } catch (error const&) {
            return false;
        }
    }

private:
    bool is_ours() const noexcept { return made_ && made_->is_at(path_); }

    std::string path_;
    std::optional<file_identity> made_;
};

#else

class emulator_key_file
{
public:
    explicit emulator_key_file(std::string const&) {}

    bool write(std::string_view) { return false; }
};

#endif

} // namespace hdikafka::inline v0_1::detail::emulation

#endif
