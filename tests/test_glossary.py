"""The words of both programs and of all pages in Chinese: one term for a thing, and those of the exchange's own
Chinese interface."""

import re
from pathlib import Path

import pytest
from babel.messages.pofile import read_po

ROOT = Path(__file__).parent.parent
PROGRAMS = ("agent", "hub")

UNWANTED = {
    "hub": "中枢",
    "agent": "交易员|代理(?!$|，|并|而|的|：|请)",
    "dashboard": "网页面板|仪表盘",
    "username": "用户名称",
    "account (login)": "登录账户|账户(?:已|被)?(?:禁用|启用|停用|过期|封禁)|(?:禁用|启用)账户|账户密码",
    "account (funds)": "账号(?:余额|资金|盈亏)",
    "log in": "登入|登出|登陆",
    "expired": "(?:账号|订单|登录|令牌)(?:已)?到期|到期的(?:账号|订单|登录|令牌)",
    "disable": "停用",
    "never": "永不",
    "event contract": "期权",
    "order": "指令|信号",
    "publish": "喊单",
    "cancel": "取消订单",
    "window": "时间窗",
    "direction": "做多|做空",
    "increment": "时间增量",
    "pending": "待领取",
    "claim": "认领|领取",
    "acked": "已确认",
    "open": "未结(?!算)",
    "failed": "(?<!登录)失败",
    "rejected": "限额",
    "stake": "本金|投注",
    "payout ratio": "赔率|赔付率",
    "entry price": "下单价",
    "position": "仓位",
    "won, lost": "赢|(?<![传运])输(?![入出])",
    "halt": "熔断|交易已暂停",
    "paper": "纸面",
    "quiet hours": "静默|免打扰",
    "driver": "驱动",
    "log": "(?<!运行)日志",
    "keyring": "钥匙串|密钥环",
    "vault": "保管库",
    "out of reach": "连不上",
    "answer": "应答",
    "address": "你|抱歉|哦|！",
    "a program is no person": "看不懂|说中文",
    "this computer": "此计算机|这台电脑",
    "marks": r"[\u4e00-\u9fff] ?[,;!?](?= |$)|[\u4e00-\u9fff]\.\.\.",
    "spaces": r"[\u4e00-\u9fff][A-Za-z0-9]|[A-Za-z0-9%][\u4e00-\u9fff]| [，。：；（）]|[，。：；（] ",
}
"""What a text may not have in it, by the thing that is meant."""

ON_PAGES = {
    "agent": "交易员|代理程序|交易代理",
    "order": "指令|交易信号",
    "won, lost": "赢|(?<![传运])输(?![入出错])",
    "marks": r"[\u4e00-\u9fff] ?[,;:!?()]|[,;:!?()] ?[\u4e00-\u9fff]|[\u4e00-\u9fff]\.\.\.",
}
"""What differs where proxies are written of, and prose is more than a sentence."""

WANTED = {
    "agent": {
        "hub": "服务端",
        "stake": "下单金额",
        "placed": "下单成功",
        "refused by the exchange": "交易所拒单",
        "stopped by your limits": "风控拦截",
        "expired, not placed": "过期未下单",
        "outcome unknown": "结果未知",
        "won": "盈利",
        "lost": "亏损",
        "tie": "平局",
        "PAPER": "模拟盘 PAPER",
        "LIVE": "实盘 LIVE",
        "▲ LONG": "▲ 看涨",
        "▼ SHORT": "▼ 看跌",
        "10 minutes": "10 分钟",
        "1 day": "1 天",
        "journal": "订单流水",
        "keyring": "系统凭据库",
        "clock": "时钟",
        "limits": "风控设置",
        "connected": "已连接",
        "not connected": "未连接",
        "Paused": "已暂停",
        "trading is halted": "已停止交易",
        "trading is free again": "已恢复交易",
    },
    "hub": {
        "success": "下单成功",
        "failed": "交易所拒单",
        "rejected": "风控拦截",
        "unknown": "结果未知",
        "pending": "待分配",
        "assigned": "已分配",
        "cancelled": "已撤回",
        "admin": "管理员",
        "trader": "交易者",
    },
}
"""Words that stand in both programs, or alone on a screen."""

OF_ANOTHER = {"connected", "not connected", "open", "settled"}
"""In the agent of its own link and of positions, in the hub of users' devices and of orders."""


def texts(program: str) -> dict[str, str]:
    with (ROOT / program / "locale/zh_CN/LC_MESSAGES" / f"{program}.po").open("rb") as file:
        return {str(message.id): str(message.string) for message in read_po(file) if message.id}


def prose(text: str) -> str:
    """Without what is written as it is typed: commands, settings, paths, fields."""
    return re.sub(r"`[^`]*`|\{[^}]*\}|--[a-z-]+|https?://\S+", "字", text)


def unwanted(text: str) -> list[str]:
    return [meant for meant, pattern in UNWANTED.items() if re.search(pattern, prose(text), re.MULTILINE)]


@pytest.mark.parametrize("program", PROGRAMS)
def test_no_text_has_a_word_that_means_something_else(program: str) -> None:
    found = {text: unwanted(text) for text in texts(program).values() if unwanted(text)}
    assert found == {}


def pages() -> list[Path]:
    """All in Chinese, and what they are of English ones: their Chinese words."""
    return sorted(path for path in ROOT.glob("**/*.zh-CN.md") if ".venv" not in path.parts)


def page_prose(page: str) -> list[str]:
    """The lines of a page that are read: no code, no picture of a sequence, no comment, no address."""
    page = re.sub(r"^```.*?^```$|<!--.*?-->", "", page, flags=re.DOTALL | re.MULTILINE)
    page = re.sub(r"\]\([^)]*\)", "]", page)
    page = re.sub(r"`[^`\n]*`", "code", page)
    page = page.replace("。** ", "。")  # without the space the sentence would not be bold
    return re.sub(r"\*\*|!?\[|\]", "", page).splitlines()


def unwanted_on_a_page(line: str) -> list[str]:
    patterns = UNWANTED | ON_PAGES
    return [meant for meant, pattern in patterns.items() if re.search(pattern, line.strip("| "))]


@pytest.mark.parametrize("path", pages(), ids=lambda path: str(path.relative_to(ROOT)))
def test_no_page_has_a_word_that_means_something_else(path: Path) -> None:
    lines = page_prose(path.read_text(encoding="utf-8"))
    assert {line: unwanted_on_a_page(line) for line in lines if unwanted_on_a_page(line)} == {}


@pytest.mark.parametrize(
    ("line", "meant"),
    [
        ("经过代理的请求", []),
        ("代理程序收到订单", ["agent"]),
        ("服务端(hub)", ["marks"]),
        ("服务端（`hub`）收到 `SIGTERM` 信号后，停止。", []),
        ("运行`hub serve`即可", ["spaces"]),
        ("**绝不丢失。** 一切以数据库为准", []),
        ("见[设置](settings.md)", []),
    ],
)
def test_a_page_is_read_as_people_read_it(line: str, meant: list[str]) -> None:
    assert [found for read in page_prose(line) for found in unwanted_on_a_page(read)] == meant


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_thing_has_its_word(program: str) -> None:
    known = texts(program)
    assert {text: known.get(text) for text in WANTED[program]} == WANTED[program]


def test_both_programs_say_the_same_for_the_same() -> None:
    agent, hub = texts("agent"), texts("hub")
    assert {text for text in agent.keys() & hub.keys() if agent[text] != hub[text]} == OF_ANOTHER


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("中枢", "hub"),
        ("结果未知，限额", "rejected"),
        ("写入日志", "log"),
        ("未结", "open"),
        ("服务端 hub，", ""),
        ("订单3 笔", "spaces"),
        ("无法连接, 请重试", "marks"),
        ("运行日志", ""),
        ("请输入", ""),
        ("账户已禁用", "account (login)"),
        ("账户余额", ""),
        ("登录已到期", "expired"),
        ("持仓到期", ""),
        ("连输 3 笔", "won, lost"),
    ],
)
def test_the_table_finds_what_it_is_for(text: str, meant: str) -> None:
    assert unwanted(text) == ([meant] if meant else [])
