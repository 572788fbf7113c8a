// Every text of the page, in English and Chinese, and how it gets onto the page.
//
// An element names its text in data-text, its accessible name in data-label, its placeholder in data-placeholder;
// data-values holds what fills the {braces}, as JSON. So a change of language is one walk over the page.

const TEXTS = {
  en: {
    "app.title": "Stepwave",
    "app.language": "Language: English. Switch to Chinese",
    "app.language.short": "中文",
    "theme.auto": "Appearance: as the system",
    "theme.light": "Appearance: light",
    "theme.dark": "Appearance: dark",
    "state.connecting": "Connecting",
    "state.open": "Ready",
    "state.listening": "Listening",
    "state.thinking": "Thinking",
    "state.speaking": "Speaking",
    "state.lost": "Reconnecting",
    "state.ended": "Ended",
    "welcome.title": "Say something.",
    "welcome.body": "Hold the button or the space bar while you speak, or open the microphone and just talk. " +
      "You can also write, or drop a recording here.",
    "transcript.label": "Conversation",
    "who.user": "You",
    "who.assistant": "Stepwave",
    "turn.listening": "Listening…",
    "turn.transcribing": "Writing down…",
    "turn.unwritten": "Spoken",
    "turn.empty": "Nothing understood",
    "turn.recording": "{name} · {seconds} s",
    "turn.latency": "First sound after {seconds} s",
    "turn.latency.text": "First words after {seconds} s",
    "turn.cut": "interrupted",
    "turn.unheard": "Not heard:",
    "turn.incomplete": "Ended early: {reason}",
    "turn.failed": "This answer failed: {reason}",
    "tool.calling": "calling",
    "tool.waiting": "waiting for its result",
    "tool.working": "working…",
    "tool.asking": "waiting for your consent",
    "tool.done": "done",
    "tool.failed": "failed",
    "tool.arguments": "Arguments",
    "tool.result": "Result",
    "tool.error": "What went wrong",
    "consent.title": "Allow this call?",
    "consent.body": "This may change, cost or reveal something, or a stranger may have asked for it.",
    "consent.yes": "Yes, run it",
    "consent.no": "No",
    "talk.hold": "Hold to talk",
    "talk.held": "Let go to send",
    "talk.start": "Start listening",
    "talk.stop": "Stop listening",
    "talk.short": "That was too short. Hold the button while you speak.",
    "talk.hint.hold": "Hold the button or the space bar. Esc stops the answer.",
    "talk.hint.open": "Talk freely; you can interrupt. Esc stops the answer.",
    "mode.label": "How to talk",
    "mode.hold": "Hold to talk",
    "mode.open": "Open microphone",
    "level.input": "Your level",
    "level.output": "Answer's level",
    "stop": "Stop",
    "stop.label": "Stop the answer",
    "gaps": "Gaps in sound: {count}",
    "write.label": "Message",
    "write.placeholder": "Write a message",
    "write.send": "Send",
    "file.choose": "Send a recording",
    "file.drop": "Drop a recording to send it",
    "file.large": "{name} is too large: files up to 100 MB can be sent.",
    "file.long": "{name} is too long: recordings up to {most} seconds can be sent.",
    "file.short": "{name} is too short to hold any speech.",
    "file.unreadable": "{name} can't be read as sound. Try WAV, MP3, FLAC or Ogg.",
    "voice.button": "Voice: {name}",
    "voice.default": "Default voice",
    "voice.search": "Search voices",
    "voice.list": "Voices",
    "voice.none": "No voice fits",
    "voice.library": "from a voice library",
    "voice.more": "There are more voices: search by name, or by what one is like.",
    "voice.searching": "Searching…",
    "token.title": "Token",
    "token.body": "This server wants its token. It printed it when it started.",
    "token.wrong": "That token was refused.",
    "token.label": "Server token",
    "token.enter": "Continue",
    "notice.new": "The connection was lost, and the conversation with it. This is a new one.",
    "notice.ended": "The conversation has ended. {reason}",
    "notice.again": "Start a new one",
    "notice.close": "Dismiss",
    "microphone.insecure": "Browsers give the microphone to safe addresses only: use https or 127.0.0.1.",
    "microphone.denied": "The microphone was not allowed. Allow it in the browser's address bar, then try again.",
    "microphone.none": "No microphone could be opened. Is one connected, and free?",
    "sound.failed": "The browser could not start its sound: {reason}",
    "sound.overflow": "More sound came than can wait; the end of this answer is missing.",
    "unreachable": "The server can't be reached. Is it still running?",
  },
  zh: {
    "app.title": "Stepwave",
    "app.language": "语言：中文。切换到英文",
    "app.language.short": "EN",
    "theme.auto": "外观：跟随系统",
    "theme.light": "外观：浅色",
    "theme.dark": "外观：深色",
    "state.connecting": "连接中",
    "state.open": "就绪",
    "state.listening": "聆听中",
    "state.thinking": "思考中",
    "state.speaking": "回答中",
    "state.lost": "重新连接中",
    "state.ended": "已结束",
    "welcome.title": "说点什么吧。",
    "welcome.body": "按住按钮或空格键说话，或者打开麦克风直接交谈。也可以打字，或把录音拖到这里。",
    "transcript.label": "对话",
    "who.user": "你",
    "who.assistant": "Stepwave",
    "turn.listening": "聆听中…",
    "turn.transcribing": "转写中…",
    "turn.unwritten": "语音",
    "turn.empty": "没有听清",
    "turn.recording": "{name} · {seconds} 秒",
    "turn.latency": "{seconds} 秒后出声",
    "turn.latency.text": "{seconds} 秒后出字",
    "turn.cut": "已打断",
    "turn.unheard": "未播放：",
    "turn.incomplete": "提前结束：{reason}",
    "turn.failed": "回答失败：{reason}",
    "tool.calling": "调用中",
    "tool.waiting": "等待结果",
    "tool.working": "执行中…",
    "tool.asking": "等待你的同意",
    "tool.done": "完成",
    "tool.failed": "失败",
    "tool.arguments": "参数",
    "tool.result": "结果",
    "tool.error": "失败原因",
    "consent.title": "允许这次调用吗？",
    "consent.body": "这可能会更改、花费或透露某些内容，也可能是别人要求的。",
    "consent.yes": "允许",
    "consent.no": "不允许",
    "talk.hold": "按住说话",
    "talk.held": "松开发送",
    "talk.start": "开始聆听",
    "talk.stop": "停止聆听",
    "talk.short": "时间太短，请按住按钮再说话。",
    "talk.hint.hold": "按住按钮或空格键说话，Esc 停止回答。",
    "talk.hint.open": "直接说话，随时可以打断，Esc 停止回答。",
    "mode.label": "说话方式",
    "mode.hold": "按住说话",
    "mode.open": "开放麦克风",
    "level.input": "你的音量",
    "level.output": "回答音量",
    "stop": "停止",
    "stop.label": "停止回答",
    "gaps": "播放中断：{count} 次",
    "write.label": "消息",
    "write.placeholder": "输入消息",
    "write.send": "发送",
    "file.choose": "发送录音",
    "file.drop": "松开以发送录音",
    "file.large": "{name} 太大：最多可发送 100 MB 的文件。",
    "file.long": "{name} 太长：最多可发送 {most} 秒的录音。",
    "file.short": "{name} 太短，没有语音内容。",
    "file.unreadable": "无法读取 {name}。请使用 WAV、MP3、FLAC 或 Ogg。",
    "voice.button": "声音：{name}",
    "voice.default": "默认声音",
    "voice.search": "搜索声音",
    "voice.list": "声音",
    "voice.none": "没有匹配的声音",
    "voice.library": "来自声音库",
    "voice.more": "还有更多声音：可按名称或特点搜索。",
    "voice.searching": "搜索中…",
    "token.title": "令牌",
    "token.body": "此服务器需要令牌，启动时已显示。",
    "token.wrong": "令牌被拒绝。",
    "token.label": "服务器令牌",
    "token.enter": "继续",
    "notice.new": "连接中断，之前的对话已丢失，现在是新的对话。",
    "notice.ended": "对话已结束。{reason}",
    "notice.again": "开始新的对话",
    "notice.close": "关闭",
    "microphone.insecure": "浏览器只在安全地址上开放麦克风：请用 https 或 127.0.0.1 打开本页。",
    "microphone.denied": "麦克风未被允许。请在浏览器地址栏中允许后重试。",
    "microphone.none": "无法打开麦克风。是否已连接，或被其他程序占用？",
    "sound.failed": "浏览器无法启动声音：{reason}",
    "sound.overflow": "等待播放的声音过多，这个回答的结尾缺失。",
    "unreachable": "无法连接服务器。它还在运行吗？",
  },
};

const KEY = "stepwave.language";

let language = localStorage.getItem(KEY) ?? (navigator.language.startsWith("zh") ? "zh" : "en");

export function text(key, values = {}) {
  const found = TEXTS[language]?.[key] ?? TEXTS.en[key];
  return found.replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");
}

/** Give an element its text, so that it follows the language. */
export function setText(element, key, values = {}) {
  element.dataset.text = key;
  element.dataset.values = JSON.stringify(values);
  fill(element);
}

/** Give an element its accessible name, so that it follows the language. */
export function setLabel(element, key, values = {}) {
  element.dataset.label = key;
  element.dataset.values = JSON.stringify(values);
  fill(element);
}

/** An element shows what someone said: no text of the page's own any more. */
export function setWords(element, words) {
  delete element.dataset.text;
  element.textContent = words;
}

/** Write all texts of the page in the language at hand. */
export function translate() {
  document.documentElement.lang = language === "zh" ? "zh-CN" : "en";
  for (const element of document.querySelectorAll("[data-text], [data-label], [data-placeholder]")) fill(element);
}

export function switchLanguage() {
  language = language === "zh" ? "en" : "zh";
  localStorage.setItem(KEY, language);
  translate();
}

function fill(element) {
  const { text: key, label, placeholder, values } = element.dataset;
  const filled = values ? JSON.parse(values) : {};
  if (key) element.textContent = text(key, filled);
  if (placeholder) element.placeholder = text(placeholder, filled);
  if (label) {
    element.setAttribute("aria-label", text(label, filled));
    if (element.tagName === "BUTTON") element.title = text(label, filled);
  }
}
