// Regular files, and nothing that is put in the place of one: a link, a pipe, a device.
#ifndef HDIKAFKA_DETAIL_BASE_REGULAR_FILE_HPP
#define HDIKAFKA_DETAIL_BASE_REGULAR_FILE_HPP

#include <hdikafka/detail/base/owned_descriptor.hpp>
#include <hdikafka/error.hpp>

#if __has_include(<sys/file.h>)
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace hdikafka::inline v0_1::detail {

/// What the system said to the work on a file.
inline error file_error(std::string const& doing, std::string const& path)
{
    return error(std::error_code(errno, std::system_category()),
                 doing + " " + path + " failed: " + std::system_category().message(errno));
}

/// A file that is none is refused with what it is.
inline void must_be_regular(struct stat const& about, std::string const& path)
{
    if (S_ISREG(about.st_mode))
        return;
    char const* what = "a device or a socket";
    if (S_ISDIR(about.st_mode))
        throw error(std::make_error_code(std::errc::is_a_directory), path + " is a directory");
    if (S_ISLNK(about.st_mode))
        what = "a symbolic link";
    if (S_ISFIFO(about.st_mode))
        what = "a pipe";
    throw error(errc::invalid_option, path + " is " + what + ", not a regular file");
}

inline error file_too_large(std::string const& path, std::size_t most)
{
    return error(std::make_error_code(std::errc::file_too_large),
                 path + " has more than " + std::to_string(most) + " bytes");
}

/// Which file it is, whatever its name.
class file_identity
{
public:
    explicit file_identity(struct stat const& about) noexcept : device_(about.st_dev), inode_(about.st_ino) {}

    bool is_at(std::string const& path) const noexcept
    {
        struct stat about = {};
        return ::lstat(path.c_str(), &about) == 0 && about.st_dev == device_ && about.st_ino == inode_;
    }

private:
    dev_t device_;
    ino_t inode_;
};

/// An open file; the methods throw what goes wrong. Opening it follows no link, waits for nobody and leaves
/// it to no child.
class regular_file
{
public:
    /// Throws if it is not a regular file, and gives an object that is not open if there is none.
    regular_file(std::string path, int flags, mode_t mode = 0666)
        : path_(std::move(path)),
          // NOLINTNEXTLINE(cppcoreguidelines-pro-type-vararg): that is open()
          descriptor_(::open(path_.c_str(), flags | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, mode))
    {
        int const failure = errno;
        struct stat about = {};
        if (is_open() ? ::fstat(descriptor_.number(), &about) == 0 : ::lstat(path_.c_str(), &about) == 0)
            must_be_regular(about, path_);
        errno = failure;
        if (!is_open() && errno != ENOENT)
            throw file_error("opening", path_);
        size_ = about.st_size;
    }

    bool is_open() const noexcept { return descriptor_.number() >= 0; }

    /// Of an open one.
    struct stat about() const
    {
        struct stat out = {};
        if (::fstat(descriptor_.number(), &out) != 0)
            throw file_error("looking at", path_);
        return out;
    }

    void must_be_open() const
    {
        if (!is_open())
            throw file_error("opening", path_);
    }

    /// All of it, if that is no more than `most` bytes.
    std::string read(std::size_t most) const
    {
        if (size_ > 0 && static_cast<std::uintmax_t>(size_) > most)
            throw file_too_large(path_, most);
        auto text = read_until_more_than(most, descriptor_.number());
        if (!text)
            throw file_error("reading", path_);
        if (text->size() > most)
            throw file_too_large(path_, most);
        return std::move(*text);
    }

    void write(std::string_view text) const
    {
        while (!text.empty()) {
            auto const count = ::write(descriptor_.number(), text.data(), text.size());
            if (count < 0 && errno != EINTR)
                throw file_error("writing", path_);
            text.remove_prefix(static_cast<std::size_t>(std::max<decltype(count)>(count, 0)));
        }
    }

    /// To the disk, as far as the system knows it.
    void flush() const { flush(descriptor_.number(), path_); }

    /// Some mounts cannot do that to a directory.
    static void flush(int descriptor, std::string const& path)
    {
        int failed = -1;
        do
            failed = ::fsync(descriptor);
        while (failed != 0 && errno == EINTR);
        if (failed != 0 && errno != EINVAL && errno != ENOTSUP)
            throw file_error("flushing", path);
    }

    /// See replacing_file.
    void be_like(struct stat const& other) const
    {
        constexpr mode_t owner_and_all = 0707;
        struct stat const mine = about();
        int const number = descriptor_.number();
        mode_t mode = other.st_mode & 0777U;
        bool const same = mine.st_uid == other.st_uid && mine.st_gid == other.st_gid;
        if (!same && ::fchown(number, other.st_uid, other.st_gid) != 0 && mine.st_gid != other.st_gid &&
            ::fchown(number, static_cast<uid_t>(-1), other.st_gid) != 0)
            mode &= owner_and_all | ((mode & 07U) << 3U);
        if (::fchmod(number, mode) != 0)
            throw file_error("changing the mode of", path_);
    }

    /// Whether nobody else has it. It is freed with the process, however that ends.
    bool lock() const noexcept { return ::flock(descriptor_.number(), LOCK_EX | LOCK_NB) == 0; }

private:
    std::string path_;
    owned_descriptor descriptor_;
    off_t size_ = 0; ///< When it was opened.
};

/// A file that replaces another one: made anew beside it, and given its name when it is complete. Whatever is
/// in its place is removed, not written to; and so is this when it is not put() in the other's place.
class replacing_file
{
public:
    replacing_file(std::string const& path, mode_t mode)
        : path_(path), beside_(path + ".new"), made_(make(beside_, mode))
    {}
    replacing_file(replacing_file const&) = delete;
    replacing_file& operator=(replacing_file const&) = delete;
    ~replacing_file()
    {
        if (!done_)
            ::unlink(beside_.c_str());
    }

    regular_file const& file() const noexcept { return made_; }

    /// Owner, group and mode of the other one, as far as the system allows. What cannot be kept is never made
    /// up for by letting others in: a group that is another one may do no more than everybody.
    void be_like(struct stat const& other) const { made_.be_like(other); }

    void put()
    {
        if (::rename(beside_.c_str(), path_.c_str()) != 0)
            throw file_error("replacing", path_);
        done_ = true;
    }

    /// The same where there is no other one; if there is, that one stays.
    void put_first()
    {
        if (::link(beside_.c_str(), path_.c_str()) != 0)
            throw file_error("making", path_);
    }

private:
    static regular_file make(std::string const& beside, mode_t mode)
    {
        if (::unlink(beside.c_str()) != 0 && errno != ENOENT)
            throw file_error("removing", beside);
        regular_file made(beside, O_WRONLY | O_CREAT | O_EXCL, mode);
        made.must_be_open();
        return made;
    }

    std::string path_;
    std::string beside_;
    regular_file made_;
    bool done_ = false;
};

} // namespace hdikafka::inline v0_1::detail

#endif

#endif
