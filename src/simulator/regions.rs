//! Names of places in Chinese, roughly in the order of how many users they would have.

/// The 34 first-level regions, 香港, 澳门 and 台湾 among them.
pub(super) const PROVINCES: [&str; 34] = [
    "广东",
    "江苏",
    "浙江",
    "山东",
    "河南",
    "北京",
    "上海",
    "四川",
    "湖北",
    "湖南",
    "河北",
    "福建",
    "安徽",
    "陕西",
    "辽宁",
    "重庆",
    "广西",
    "江西",
    "云南",
    "山西",
    "天津",
    "贵州",
    "黑龙江",
    "吉林",
    "内蒙古",
    "新疆",
    "甘肃",
    "海南",
    "香港",
    "台湾",
    "宁夏",
    "青海",
    "西藏",
    "澳门",
];

/// Countries.
pub(super) const COUNTRIES: [&str; 63] = [
    "中国",
    "美国",
    "日本",
    "新加坡",
    "马来西亚",
    "韩国",
    "泰国",
    "越南",
    "印度尼西亚",
    "菲律宾",
    "澳大利亚",
    "加拿大",
    "英国",
    "印度",
    "德国",
    "法国",
    "俄罗斯",
    "阿联酋",
    "沙特阿拉伯",
    "巴西",
    "土耳其",
    "意大利",
    "西班牙",
    "荷兰",
    "新西兰",
    "墨西哥",
    "柬埔寨",
    "缅甸",
    "老挝",
    "巴基斯坦",
    "孟加拉国",
    "斯里兰卡",
    "尼泊尔",
    "蒙古",
    "哈萨克斯坦",
    "乌兹别克斯坦",
    "波兰",
    "瑞典",
    "挪威",
    "丹麦",
    "芬兰",
    "瑞士",
    "奥地利",
    "比利时",
    "爱尔兰",
    "葡萄牙",
    "希腊",
    "捷克",
    "匈牙利",
    "罗马尼亚",
    "乌克兰",
    "以色列",
    "卡塔尔",
    "科威特",
    "埃及",
    "南非",
    "尼日利亚",
    "肯尼亚",
    "摩洛哥",
    "阿根廷",
    "智利",
    "哥伦比亚",
    "秘鲁",
];

/// Users whose region the vendor could not tell. That it has such a bucket is a guess.
pub(super) const UNKNOWN: &str = "未知";

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_place_is_named_twice() {
        assert_eq!(PROVINCES.iter().collect::<HashSet<_>>().len(), PROVINCES.len());
        assert_eq!(COUNTRIES.iter().collect::<HashSet<_>>().len(), COUNTRIES.len());
    }
}
