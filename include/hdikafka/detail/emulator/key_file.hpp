// The file by which Azure Arc's agent tells who may read its files.
#ifndef HDIKAFKA_DETAIL_EMULATOR_KEY_FILE_HPP
#define HDIKAFKA_DETAIL_EMULATOR_KEY_FILE_HPP

#include <hdikafka/version.hpp>

#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace hdikafka::inline v0_1::detail::emulation {

/// Holds one key at a time, for its owner alone; gone at the end. Not synchronised.
class emulator_key_file
{
public:
    explicit emulator_key_file(std::string path) : path_(std::move(path)) {}

    emulator_key_file(emulator_key_file const&) = delete;
    emulator_key_file& operator=(emulator_key_file const&) = delete;

    ~emulator_key_file()
    {
        std::error_code ignored;
        if (written_)
            std::filesystem::remove(path_, ignored);
    }

    /// Puts the key in the place of the last one, whole: a reader sees either of them.
    bool write(std::string_view key)
    {
        using std::filesystem::perms;
        std::filesystem::path const fresh(path_ + ".new");
        std::error_code failure;
        std::filesystem::remove(fresh, failure); // whatever it is, the key needs a file of our own
        std::ofstream out(fresh, std::ios::binary | std::ios::trunc);
        std::filesystem::permissions(fresh, perms::owner_read | perms::owner_write, failure);
        if (!failure)
            out << key << std::flush;
        bool const whole = !failure && out.good();
        out.close();
        if (whole)
            std::filesystem::rename(fresh, path_, failure);
        if (!whole || failure) {
            std::error_code ignored;
            std::filesystem::remove(fresh, ignored);
            return false;
        }
        written_ = true;
        return true;
    }

private:
    std::string path_;
    bool written_ = false;
};

} // namespace hdikafka::inline v0_1::detail::emulation

#endif
